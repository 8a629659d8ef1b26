'use strict';
const { call } = require('lambda-api');
const { aliases } = require('./aliases');

let failures = 0;

class Flaky extends Error {
  constructor() {
    super('once in each environment');
    this.name = 'Flaky';
  }
}

async function measure(name, alias, payload) {
  const headers = { 'x-amz-log-type': 'Tail', 'content-type': 'application/json' };
  const path = `${name}/invocations?Qualifier=${alias}`;
  const answer = await call('POST', path, payload, headers);
  if (answer.headers['x-amz-function-error']) throw new Error(answer.text);
  const log = Buffer.from(answer.headers['x-amz-log-result'], 'base64').toString();
  return { ms: Number(/\tDuration: ([\d.]+) ms/.exec(log)[1]), cold: /\tInit Duration: /.test(log) };
}

exports.handler = async ({ input, value }) => {
  if (input.flaky && failures++ === 0) throw new Flaky();
  const names = aliases(value, input);
  const calls = Array.from({ length: input.num }, (_, i) => names[i % names.length]);
  let samples = [];
  if (input.parallelInvocation) {
    samples = await Promise.all(calls.map((alias) => measure(input.lambdaARN, alias, input.payload)));
  } else {
    for (const alias of calls) samples.push(await measure(input.lambdaARN, alias, input.payload));
  }
  const sorted = samples.map(({ ms }) => ms).sort((a, b) => a - b);
  const cold = samples.filter((sample) => sample.cold).length;
  return { value, averageDuration: sorted[Math.floor(sorted.length / 2)], cold };
};
