// An ES module: what it imports comes from a layer as well.
import { json, settled } from 'lambda-api';

export const handler = async ({ lambdaARN, plan }) => {
  const { size, alias } = plan.wanted[plan.next];
  const change = { MemorySize: size, Description: alias };
  await json('PUT', `${lambdaARN}/configuration`, change);
  await settled(lambdaARN);
  const { Version } = await json('POST', `${lambdaARN}/versions`, {});
  await json('POST', `${lambdaARN}/aliases`, { Name: alias, FunctionVersion: Version });
  const next = plan.next + 1;
  return { ...plan, next, more: next < plan.wanted.length };
};
