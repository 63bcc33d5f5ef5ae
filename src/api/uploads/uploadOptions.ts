// OPTIONS /uploads and /uploads/{id}: what a tus client may ask for.
import { readSettings } from '../../settings';
import type { Handler } from '../http/frame';
import { tusHeaders, VERSION } from './tus';

export const uploadOptions: Handler = async () => ({
    status: 204,
    headers: {
        ...tusHeaders,
        'tus-version': VERSION,
        'tus-extension': 'creation,termination',
        'tus-max-size': String(readSettings().caps.uploadBytes),
    },
});
