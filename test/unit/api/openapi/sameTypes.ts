// The schemas of the API document and the types of server and client are the same, in both directions: `npm run types` fails where one of them changes alone.
// Nothing of this runs.
import type { z } from 'zod';
import type { health } from '../../../../src/api/openapi/answers/health';
import type { invalidRow } from '../../../../src/api/openapi/answers/invalidRow';
import type { itemView } from '../../../../src/api/openapi/answers/item';
import type { jobPage } from '../../../../src/api/openapi/answers/jobPage';
import type { limiterPage, limiterView } from '../../../../src/api/openapi/answers/limiter';
import type { links } from '../../../../src/api/openapi/answers/links';
import type { manifest, verdict } from '../../../../src/api/openapi/answers/manifest';
import type { outcome } from '../../../../src/api/openapi/answers/outcome';
import type { fieldError } from '../../../../src/api/openapi/answers/problem';
import type { failureGroup } from '../../../../src/api/openapi/answers/parts';
import type { statusDocument } from '../../../../src/api/openapi/answers/status';
import type { timeline } from '../../../../src/api/openapi/answers/timeline';
import type { uploadView } from '../../../../src/api/openapi/answers/upload';
import type { linksOf, StatusDocument } from '../../../../src/api/jobs/statusDocument';
import type { CanaryView } from '../../../../src/application/canaryView';
import type { ItemView } from '../../../../src/application/readItem';
import type { TimelineView } from '../../../../src/application/readTimeline';
import type {
    FieldError,
    Health,
    InvalidRow,
    Item,
    Job,
    JobPage,
    Limiter,
    LimiterPage,
    Manifest,
    Outcome,
    Timeline,
    Upload,
    Verdict,
} from '../../../../src/client';
import type { FailureGroup } from '../../../../src/core/failures';
import type { Omitted, TimelineEntry } from '../../../../src/core/timeline';
import type { RawJson } from '../../../../src/json/exactNumber';

/** Written out, so that it does not matter how a type was put together. What stands for JSON text is any JSON. */
type Plain<T> = T extends RawJson
    ? unknown
    : T extends readonly (infer Element)[]
      ? Plain<Element>[]
      : T extends object
        ? { [Name in keyof T]: Plain<T[Name]> }
        : T;
/** The same types, optional fields and unions included. */
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends <T>() => T extends Plain<B> ? 1 : 2 ? true : false;
const same = <A, B>(..._same: Same<A, B> extends true ? [] : ['the types differ']): void => undefined;
/** Whether a value of the second type can stand where the first is asked for. */
const fits = <Asked, Given>(..._fits: Given extends Asked ? [] : ['it does not fit']): void => undefined;
type Told<Schema extends z.ZodType> = z.output<Schema>;

// Links are named in the document, and any text to whoever reads them.
type Linked<Document> = Omit<Document, 'links'> & { links: Told<typeof links> };
same<Told<typeof statusDocument>, Linked<Job>>();
same<Told<typeof jobPage>, { jobs: Linked<JobPage['jobs'][number]>[]; next?: string }>();
fits<ReturnType<typeof linksOf>, Told<typeof links>>();

same<Told<typeof outcome>, Outcome>();
same<Told<typeof itemView>, Item>();
same<Told<typeof failureGroup>, FailureGroup>();
same<Told<typeof manifest>, Manifest>();
same<Told<typeof verdict>, Verdict>();
same<Told<typeof invalidRow>, InvalidRow>();
same<Told<typeof limiterView>, Limiter>();
same<Told<typeof limiterPage>, LimiterPage>();
same<Told<typeof uploadView>, Upload>();
same<Told<typeof health>, Health>();
same<Told<typeof fieldError>, { pointer: string; message: string; allowed?: string }>();
fits<FieldError, Told<typeof fieldError>>();

/** An event as users see it, from what is recorded of it: without the numbers by which the records are put together. */
type Shown<Entry> = Entry extends Omitted
    ? { at: string; kind: 'omitted'; to: string; counts: Record<string, number> }
    : Omit<Entry, 'at' | 'generation' | 'id'> & { at: string } & (Entry extends { kind: 'state' } ? Posted : unknown);
/** No ledger knows who posted the job: that stands in its document. */
type Posted = { by?: string };
type Spread<Entry> = Entry extends TimelineEntry ? Shown<Entry> : never;
same<Told<typeof timeline>, { jobId: string; events: Spread<TimelineEntry>[] }>();
fits<TimelineView, Told<typeof timeline>['events'][number]>();
fits<Timeline['events'][number], Told<typeof timeline>['events'][number]>();

// The server's types and the client's differ in nothing but what JSON text is to whoever has parsed it.
same<Omit<Job, 'canary'>, Omit<StatusDocument, 'canary'>>();
same<Omit<NonNullable<Job['canary']>, 'samples'>, Omit<CanaryView, 'samples'>>();
same<Omit<Item, 'key' | 'item' | 'outcome'>, Omit<ItemView, 'key' | 'item' | 'outcome'>>();

// A check that could not fail would say nothing: each of these differs.
// @ts-expect-error a number is no text
fits<string, number>();
// @ts-expect-error a field is missing
same<Told<typeof health>, Omit<Health, 'status'>>();
// @ts-expect-error a field may be absent in one of them
same<Told<typeof health>, Partial<Health>>();
// @ts-expect-error a word is missing in one of them
same<{ is: 'a' | 'b' }, { is: 'a' }>();
// @ts-expect-error the field is within
same<{ in: { a: 1 }[] }, { in: { a: 1; b?: 2 }[] }>();
