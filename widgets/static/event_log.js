function filterPart(model, host, root, send) {
  host.classList.add('mq-filters');
  let chosen = {process: '', kind: ''};
  const draw = () => {
    const p = told(model, 'picture') ?? {};
    keep(host, [p.processes, p.kinds], () => [
      pick('process', p.processes ?? []),
      pick(
        'kind',
        (p.kinds ?? []).map(k => [k, k]),
      ),
    ]);
  };
  const pick = (name, items) =>
    html(
      'label',
      {},
      `${name} `,
      html(
        'select',
        {
          onchange: event => {
            chosen = {...chosen, [name]: event.target.value};
            send({do: 'filter', ...chosen});
          },
        },
        html('option', {value: ''}, 'all'),
        ...items.map(([value, text]) =>
          html('option', {value, selected: chosen[name] === value}, text),
        ),
      ),
    );
  model.on('change:picture', draw);
  draw();
  return () => model.off('change:picture', draw);
}
export default {
  render({model, el}) {
    return openView(model, el, [{make: stack(filterPart, logPart), wide: true}]);
  },
};
