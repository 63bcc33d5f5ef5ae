// Imported before any registration: app.setup must run before the first function is registered.
import { app } from '@azure/functions';
import { Fence } from '../egress/fence/fence';
import { TARGET_FORM } from '../egress/fence/targetRules';
import { consoleLog } from '../log';
import { fenceSettings } from '../settings';

// Request and response bodies stream, so that uploads and results never stand whole in memory.
app.setup({ enableHttpStream: true });

for (const entry of new Fence(fenceSettings()).wrong)
    consoleLog.warn('a target that cannot be read is left out', { entry, allowed: TARGET_FORM });
