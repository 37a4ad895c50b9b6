export default {
  render({model, el}) {
    return openView(model, el, [
      {make: plotPart},
      {make: blocksPart('side'), cls: 'mq-side'},
      {make: keyPart, wide: true},
    ]);
  },
};
