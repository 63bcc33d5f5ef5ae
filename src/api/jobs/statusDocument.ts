// The status document of a job: its status, and where to go on from it. What GET /jobs/{id} and every answer about one job shows.
import type { JobStatus } from '../../application/jobStatus';

export type StatusDocument = JobStatus & { links: Record<string, string> };

export const statusDocument = (status: JobStatus, root: string): StatusDocument => ({ ...status, links: linksOf(root, status.id) });

export const linksOf = (root: string, id: string): Record<string, string> => {
    const self = `${root}/jobs/${id}`;
    return {
        self,
        results: `${self}/results`,
        manifest: `${self}/manifest`,
        verify: `${self}/verify`,
        timeline: `${self}/timeline`,
        pause: `${self}/pause`,
        resume: `${self}/resume`,
        approve: `${self}/approve`,
        reject: `${self}/reject`,
        cancel: `${self}/cancel`,
        invalid: `${self}/invalid`,
        item: `${self}/items/{index}`,
    };
};
