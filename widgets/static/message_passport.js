export default {
  render({model, el}) {
    return openView(model, el, [{make: stack(marksPart, blocksPart('side')), wide: true}]);
  },
};
