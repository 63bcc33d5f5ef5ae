// What the local host reads of host.json, and of the settings that host.json names.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readHostSettings } from '../../devhost/settings';

const app = mkdtempSync(path.join(os.tmpdir(), 'fanfold-settings-'));
afterAll(() => rmSync(app, { recursive: true, force: true }));

function hub(hubName: string | undefined, env: NodeJS.ProcessEnv = {}): string {
    writeFileSync(path.join(app, 'host.json'), JSON.stringify({ version: '2.0', extensions: { durableTask: { hubName } } }));
    return readHostSettings(app, env).hub;
}

test('host.json names the task hub, itself or by an app setting', () => {
    expect(hub('Plain')).toBe('Plain');
    expect(hub('%HUB_NAME%', { HUB_NAME: 'FromSetting' })).toBe('FromSetting');
    expect(hub('%hub_name%', { HUB_NAME: 'FromSetting' })).toBe('FromSetting');
});

test('a setting that is not there, is empty, or gives no hub name is told by name', () => {
    expect(() => hub('%HUB_NAME%')).toThrow(/hubName is %HUB_NAME%, and there is no app setting HUB_NAME/);
    expect(() => hub('%HUB_NAME%', { HUB_NAME: '' })).toThrow(/no app setting HUB_NAME/);
    expect(() => hub('%HUB_NAME%', { HUB_NAME: 'no-hyphens' })).toThrow(/hub name "no-hyphens"/);
});

test('only the whole name is looked up, as on the real host', () => {
    expect(() => hub('Prefix%HUB_NAME%', { HUB_NAME: 'X' })).toThrow(/hub name "Prefix%HUB_NAME%"/);
});
