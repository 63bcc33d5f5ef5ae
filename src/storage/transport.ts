// How requests to storage travel: each try has a limit of its own, because the client library has none. A request that is never answered would
// otherwise hold its caller for as long as the connection stays open.
import { toHttpHeadersLike } from '@azure/core-http-compat';
import {
    createDefaultHttpClient,
    createHttpHeaders,
    createPipelineRequest,
    RestError,
    type HttpClient,
    type RequestBodyType,
} from '@azure/core-rest-pipeline';
import type { HttpOperationResponse, IHttpClient, WebResource } from '@azure/storage-blob';

/** For one try at a request, until its answer begins (or, where it is not streamed, ends), in ms. */
export const TRY_LIMIT_MS = 10_000;
/** What is sent may take longer: a second more for so many bytes. */
const BYTES_PER_SECOND = 256 * 1024;

/**
 * The client library's own transport, with a limit on each try. Whatever breaks a try (no connection, a reset, an answer that is no HTTP, an answer
 * cut in the middle, no answer in time) leaves here as one kind of error, which the library's retry policy tries again.
 */
export class LimitedTransport implements IHttpClient {
    private readonly client: HttpClient = createDefaultHttpClient();

    constructor(private readonly tryLimitMs = TRY_LIMIT_MS) {}

    async sendRequest(request: WebResource): Promise<HttpOperationResponse> {
        const bytes = Number(request.headers.get('content-length') ?? 0);
        const limit = new AbortController();
        const given = request.abortSignal;
        const pass = () => limit.abort();
        given?.addEventListener('abort', pass);
        if (given?.aborted) pass();
        const timer = setTimeout(pass, this.tryLimitMs + (bytes / BYTES_PER_SECOND) * 1000);
        try {
            const answer = await this.client.sendRequest(
                createPipelineRequest({
                    url: request.url,
                    method: request.method,
                    headers: createHttpHeaders(request.headers.toJson({ preserveCase: true })),
                    body: request.body as RequestBodyType,
                    abortSignal: limit.signal,
                    allowInsecureConnection: true,
                    ...(request.streamResponseStatusCodes ? { streamResponseStatusCodes: request.streamResponseStatusCodes } : {}),
                    ...(request.onUploadProgress ? { onUploadProgress: request.onUploadProgress } : {}),
                    ...(request.onDownloadProgress ? { onDownloadProgress: request.onDownloadProgress } : {}),
                }),
            );
            const { status, bodyAsText, readableStreamBody } = answer;
            return {
                status,
                headers: toHttpHeadersLike(answer.headers),
                request,
                ...(bodyAsText === undefined ? {} : { bodyAsText }),
                ...(readableStreamBody ? { readableStreamBody } : {}),
            };
        } catch (error) {
            if (given?.aborted) throw error;
            const why = limit.signal.aborted ? 'no answer in time' : (error as Error).message;
            throw new RestError(why, { code: RestError.REQUEST_SEND_ERROR });
        } finally {
            clearTimeout(timer);
            given?.removeEventListener('abort', pass);
        }
    }
}
