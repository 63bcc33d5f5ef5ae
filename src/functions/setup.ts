// Imported before any registration: app.setup must run before the first function is registered.
import { app } from '@azure/functions';

// Request and response bodies stream, so that uploads and results never stand whole in memory.
app.setup({ enableHttpStream: true });
