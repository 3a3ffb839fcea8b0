// Makes plans of texts: plan.rs beside this file says what they are.

export const way = (json) => JSON.parse(json);

// Its headers are made once; the runtime copies them into each answer.
export const refused = (json) => {
  const made = JSON.parse(json);
  return { ...made, headers: new Headers(made.headers) };
};

export const answer = (json) => ({ answer: JSON.parse(json) });

export const refuse = (refused, requestId) => ({ refused, requestId });

// One text for the three, since each by itself would be copied by a call of its own.
export const forward = (way, texts, limitsAt, pathAt) => ({
  way,
  requestId: texts.slice(0, limitsAt),
  limits: texts.slice(limitsAt, pathAt),
  path: texts.slice(pathAt),
});
