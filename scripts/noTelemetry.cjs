// In place of what Azurite sends its telemetry with: see azurite.mjs.
module.exports = {};
