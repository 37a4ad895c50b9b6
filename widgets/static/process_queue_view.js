export default {
  render({model, el}) {
    return openView(model, el, [
      {make: marksPart, wide: true},
      {make: keyPart, wide: true},
    ]);
  },
};
