'use strict';
const { json, settled } = require('lambda-api');

exports.handler = async ({ lambdaARN, analysis, autoOptimize, autoOptimizeAlias }) => {
  if (!autoOptimize) return;
  await settled(lambdaARN);
  await json('PUT', `${lambdaARN}/configuration`, { MemorySize: analysis.power });
  if (!autoOptimizeAlias) return;
  await settled(lambdaARN);
  const { Version } = await json('POST', `${lambdaARN}/versions`, {});
  await json('POST', `${lambdaARN}/aliases`, { Name: autoOptimizeAlias, FunctionVersion: Version });
};
