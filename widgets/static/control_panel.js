export default {
  render({model, el}) {
    return openView(model, el, [{make: controlsPart, wide: true}]);
  },
};
