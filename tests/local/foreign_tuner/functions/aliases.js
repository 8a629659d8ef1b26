'use strict';

// One alias for each size, or one for each invocation where every one shall be a cold start.
exports.aliases = (size, { num, onlyColdStarts }) =>
  onlyColdStarts ? Array.from({ length: num }, (_, i) => `S${size}-${i}`) : [`S${size}`];
