export default {
  render({model, el}) {
    return openView(
      model,
      el,
      [{make: marksPart}, {make: blocksPart('side'), cls: 'mq-side'}, {make: keyPart, wide: true}],
      {even: true},
    );
  },
};
