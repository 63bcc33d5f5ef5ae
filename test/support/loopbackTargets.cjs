// Tests call targets on this machine, as local.settings.json lets the app do.
process.env.FANFOLD_ALLOWED_TARGETS ??= 'localhost,127.0.0.0/8,[::1]';
