// The fan-out of the Durable Functions tutorials: one activity for each item, results in the orchestration's output.
import * as df from 'durable-functions';
import type { OrchestrationContext } from 'durable-functions';
import { app } from '@azure/functions';
import { Pool } from 'undici';

export interface NaiveInput {
    target: string;
    items: number;
}

let pool: Pool | undefined;

df.app.activity('callOne', {
    handler: async ({ target, item }: { target: string; item: object }): Promise<object> => {
        pool ??= new Pool(target, { connections: 64, pipelining: 1 });
        const answer = await pool.request({
            method: 'POST',
            path: '/',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(item),
        });
        return { status: answer.statusCode, output: await answer.body.json() };
    },
});

df.app.orchestration('fanOut', function* (context: OrchestrationContext) {
    const { target, items } = context.df.getInput<NaiveInput>();
    const calls = Array.from({ length: items }, (_, id) =>
        context.df.callActivity('callOne', { target, item: { id, pad: 'x'.repeat(180) } }),
    );
    const results = (yield context.df.Task.all(calls)) as object[];
    return results;
});

app.http('start', {
    route: 'start',
    methods: ['POST'],
    authLevel: 'anonymous',
    extraInputs: [df.input.durableClient()],
    handler: async (request, context) => {
        const client = df.getClient(context);
        const id = await client.startNew('fanOut', { input: await request.json() });
        return { status: 202, jsonBody: client.createHttpManagementPayload(id) };
    },
});
