export default {
  render({model, el}) {
    return openView(model, el, [
      {make: plotPart},
      {make: blocksPart('side'), cls: 'mq-side'},
      {
        make: stack(blocksPart('then'), blocksPart('asked'), blocksPart('dry')),
        cls: 'mq-beside',
        below: true,
      },
      {make: keyPart, wide: true},
    ]);
  },
};
