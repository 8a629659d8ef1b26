'use strict';
const { json } = require('lambda-api');
const { aliases } = require('./aliases');

exports.handler = async (event) => {
  const { MemorySize } = await json('GET', `${event.lambdaARN}/configuration`);
  const sizes = event.powerValues || process.env.DEFAULT_SIZES.split(',').map(Number);
  const wanted = sizes.flatMap((size) => aliases(size, event).map((alias) => ({ size, alias })));
  return { sizes, original: MemorySize, wanted, next: 0, more: true };
};
