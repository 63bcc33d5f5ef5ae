// Registration only: names and bindings. What runs is elsewhere.
import * as df from 'durable-functions';
import './setup';
import './http';
import { foldJob, type FoldInput } from '../activities/foldJob';
import { planJob } from '../activities/planJob';
import { processSlice, type SliceInput } from '../activities/processSlice';
import { ledger } from '../entities/ledger';
import { runJob } from '../orchestrators/runJob';
import { runWorker } from '../orchestrators/runWorker';
import { JobStore } from '../storage/jobStore';

df.app.orchestration('runjob', runJob);
df.app.orchestration('runworker', runWorker);
df.app.entity('ledger', ledger);
df.app.activity('planJob', { handler: async (input: { jobId: string }) => planJob(input, await JobStore.open()) });
df.app.activity('processSlice', { handler: async (input: SliceInput) => processSlice(input, await JobStore.open()) });
df.app.activity('foldJob', { handler: async (input: FoldInput) => foldJob(input, await JobStore.open()) });
