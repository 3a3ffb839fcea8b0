// What any Worker costs: nothing is read, a constant is answered.

export default {
  fetch() {
    return new Response("ok");
  },
};
