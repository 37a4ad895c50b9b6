export default {
  render({model, el}) {
    return openView(model, el, [
      {make: controlsPart, wide: true},
      {make: plotPart},
      {make: logPart, cls: 'mq-side'},
    ]);
  },
};
