'use strict';

exports.handler = async ({ stats }) => {
  const [fastest] = [...stats].sort((a, b) => a.averageDuration - b.averageDuration);
  return { power: fastest.value, duration: fastest.averageDuration, stats };
};
