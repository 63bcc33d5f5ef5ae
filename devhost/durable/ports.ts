// What each part of the engine may ask of the rest. The engine is the one class behind all of these; no part sees it whole.
import type { RegisteredFunction } from '../core';
import type { Faults } from '../faults';
import type { Orchestration } from './instance';
import type { HubStore } from './store';
import type { Inboxed, Open, Outgoing, OutboxRow } from './messages';

export interface EngineOptions {
    maxActivities: number;
    maxOrchestrations: number;
    defaultVersion: string | null;
    log: (level: string, category: string, message: string) => void;
    /** When the process of the last run died but its supervisor did not: how it ended, and which activities ran then. They have failed. */
    workerDeath: { how: string; running: string[] } | null;
    /** What shall go wrong on purpose. */
    faults: Faults | null;
    /** Told of each activity's begin and end, by a key. */
    onActivity: (key: string, runs: boolean) => void;
    /** Ends this process for a new one that recovers from storage. */
    restart: (why: string) => never;
}

/** The functions of the app. */
export interface FunctionTable {
    /** The function of that name, in any case, if its trigger is of that type. */
    function(trigger: string, name: string): RegisteredFunction | undefined;
}

/** Commits an instance's changes with the messages that they send, which are delivered after the commit. */
export interface Committer {
    readonly store: Pick<HubStore, 'commit'>;
    /** In the order of these keys messages are read. */
    newKey(): string;
    outbox(messages: Outgoing[]): OutboxRow;
    /** Sends on what has been committed to an outbox, until storage takes it. */
    deliver(from: string, rowKey: string, row: OutboxRow): void;
}

/** What entities need: their functions, a commit, and faults of their replies. */
export interface EntityPort extends FunctionTable, Committer {
    readonly options: Pick<EngineOptions, 'faults'>;
}

/** What activities and timers need: their functions, and the inbox that their outcome goes to. */
export interface WorkPort extends FunctionTable {
    readonly options: Pick<EngineOptions, 'maxActivities' | 'workerDeath' | 'onActivity' | 'log' | 'faults'>;
    /** Nothing begins and nobody is told any more. */
    readonly stopped: boolean;
    enqueue(to: string, inboxed: Inboxed): void;
}

/** What an episode of an orchestration needs: the orchestrator, a commit, and the work that begins after it. */
export interface EpisodePort extends FunctionTable, Committer {
    readonly options: Pick<EngineOptions, 'defaultVersion'>;
    readonly work: {
        begin(o: Orchestration, id: number, open: Open): void;
        disarm(o: Orchestration, id: number): void;
    };
    warn(message: string): void;
}
