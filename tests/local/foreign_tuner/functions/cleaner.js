'use strict';
const { json } = require('lambda-api');

async function remove(name, alias) {
  try {
    const { FunctionVersion } = await json('GET', `${name}/aliases/${alias}`);
    await json('DELETE', `${name}/aliases/${alias}`);
    await json('DELETE', `${name}?Qualifier=${FunctionVersion}`);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

exports.handler = async ({ lambdaARN, plan }) => {
  await Promise.all(plan.wanted.map(({ alias }) => remove(lambdaARN, alias)));
  await json('PUT', `${lambdaARN}/configuration`, { MemorySize: plan.original, Description: '' });
};
