// What any refusal costs: nothing is read, a constant 401 is answered.

export default {
  fetch() {
    return new Response("unauthorized", { status: 401 });
  },
};
