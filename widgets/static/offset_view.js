export default {
  render({model, el}) {
    return openView(model, el, [
      {make: plotPart, wide: true},
      {make: keyPart, wide: true},
    ]);
  },
};
