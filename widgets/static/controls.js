// Cards, dials and the line of Python. Cards are made once per process and changed in place.
const PACE_STOPS = [1, 5, 20, 60],
  CALLED_MS = 300,
  CLICKED_MS = 1500;
const toLog = (value, max) => (1000 * Math.log(1 + value)) / Math.log(1 + max);
const fromLog = (position, max) => Math.exp((position / 1000) * Math.log(1 + max)) - 1;
const threeFigures = v =>
  v >= 100 ? Math.round(v) : v >= 10 ? Math.round(v) : Math.round(v * 10) / 10;

function dial({name, to, from, stops, words, onset}) {
  const label = html('label', {}),
    input = html('input', {type: 'range', min: 0, max: 1000, step: 1, 'aria-label': name});
  const scale = html(
    'div',
    {class: 'mq-stops'},
    ...stops.map(([value, text]) =>
      html(
        'button',
        {
          style: `left:${to(value) / 10}%`,
          tabindex: '-1',
          onclick: () => {
            input.value = to(value);
            show(value);
            onset(value);
          },
        },
        text,
      ),
    ),
  );
  let held = 0;
  const show = value => {
    label.replaceChildren(...words(value));
    input.setAttribute('aria-valuetext', label.textContent);
  };
  input.addEventListener('input', () => {
    held = performance.now();
    show(from(Number(input.value)));
  });
  input.addEventListener('change', () => {
    held = performance.now();
    onset(from(Number(input.value)));
  });
  return {
    node: html('div', {class: 'mq-dial'}, label, input, scale),
    set(value) {
      if (performance.now() - held < 1500) return;
      input.value = to(value);
      show(value);
    },
    words: f => {
      words = f;
    },
  };
}

function verbButton(b, send) {
  const node = html(
    'button',
    {
      class: `mq-button ${b.main ? 'mq-inverse' : ''}`,
      title: b.tip,
      'data-call': [b.verb, b.args[0]].filter(Boolean).join(' '),
      disabled: b.busy !== undefined,
    },
    b.busy ? `${b.t} ${b.busy}` : b.t,
  );
  node.addEventListener('click', () => {
    node.disabled = true;
    send({do: 'verb', verb: b.verb, args: b.args});
    // A picture of the running call replaces this button; of a short call there may be none.
    setTimeout(() => {
      if (node.mqWas === undefined) node.disabled = false;
      else node.mqWas = false;
    }, CLICKED_MS);
  });
  return node;
}

function cardNode(send) {
  const name = html('div', {class: 'mq-name'}),
    facts = html('div', {class: 'mq-facts'}),
    buttons = html('div', {class: 'mq-buttons'}),
    root = html('div', {class: 'mq-card'}, name, facts, buttons);
  return {
    root,
    update(c) {
      root.className = c.empty ? 'mq-slot' : `mq-card mq-${c.state}`;
      root.style.minHeight = c.empty ? '62px' : '';
      if (c.empty) {
        root.replaceChildren();
        return;
      }
      if (!root.contains(name)) root.replaceChildren(name, facts, buttons);
      keep(name, [c.g, c.who, c.pid, c.links], () => [
        glyphIcon(c.g, 8),
        html('b', {}, c.who),
        html('span', {class: 'mq-dim'}, c.pid),
        ...(c.links
          ? [html('span', {class: 'mq-links'}, ...c.links.map(l => chip(c, l, send)))]
          : []),
      ]);
      keep(facts, c.brief ? [] : c.facts, () =>
        (c.brief ? [] : c.facts).flatMap(([key, parts]) => [
          html('span', {}, key),
          html('span', {style: 'overflow-wrap:anywhere'}, ...rich(parts, send)),
        ]),
      );
      keep(buttons, c.buttons, () => c.buttons.map(b => verbButton(b, send)));
    },
  };
}

// A cable to one broker: whole ━, cut ┤ ├. Click cuts or mends, shift-click cuts one direction.
function chip(card, link, send) {
  const words = link.cut
    ? `the link ${card.who} to ${link.peer} is cut (${link.cut}); click mends it`
    : `click cuts the link ${card.who} to ${link.peer}; shift-click only what ${card.who} sends`;
  return html(
    'button',
    {
      class: `mq-chip ${link.cut ? 'mq-cut' : ''}`,
      title: words,
      'aria-label': words,
      onclick: event =>
        send(
          link.cut
            ? {do: 'heal', node: card.node, peer: link.peer}
            : {
                do: 'cut',
                node: card.node,
                peer: link.peer,
                direction: event.shiftKey ? 'out' : 'both',
              },
        ),
    },
    `${link.t} ${link.cut ? '┤ ├' : '━━'}`,
  );
}

function asCell(lines, button) {
  const text = lines.join('\n'),
    notebook = globalThis.jupyterapp?.shell?.currentWidget?.content;
  if (notebook?.model?.sharedModel?.insertCell) {
    notebook.model.sharedModel.insertCell(notebook.activeCellIndex + 1, {
      cell_type: 'code',
      source: text,
    });
    button.textContent = 'Cell added';
  } else copyText(text, button);
}

function copyText(text, button) {
  const before = button.textContent;
  Promise.resolve(navigator.clipboard?.writeText(text))
    .then(
      () => {
        button.textContent = 'Copied';
      },
      () => {
        button.textContent = 'No clipboard here';
      },
    )
    .finally(() =>
      setTimeout(() => {
        button.textContent = before;
      }, 1500),
    );
}

function controlsPart(model, host, root, send) {
  const pace = dial({
    name: 'pace',
    to: v => (1000 * Math.log(v)) / Math.log(60),
    from: p => threeFigures(Math.exp((p / 1000) * Math.log(60))),
    stops: PACE_STOPS.map(v => [v, v === 1 ? '×1 real' : `×${v}`]),
    words: v => [
      'pace ',
      html('b', {}, `timers ×${threeFigures(v)}`),
      ` (heartbeat ${threeFigures(30 / v)} s)`,
    ],
    onset: value => send({do: 'pace', value}),
  });
  let producer = null;
  const rate = dial({
    name: 'producer rate',
    to: v => toLog(v, 500),
    from: p => Math.round(fromLog(p, 500)),
    stops: [
      [0, '0'],
      [50, '50 /s'],
      [500, '500'],
    ],
    words: v => [`${producer?.[1] ?? 'P1'} sends `, html('b', {}, `${threeFigures(v)} messages/s`)],
    onset: value => producer && send({do: 'rate', node: producer[0], value}),
  });
  const work = dial({
    name: 'listener time',
    to: v => toLog(v, 2000),
    from: p => Math.round(fromLog(p, 2000)),
    stops: [
      [0, '0'],
      [5, '5 ms'],
      [2000, '2 s'],
    ],
    words: v => ['listener takes ', html('b', {}, v >= 1000 ? `${v / 1000} s` : `${v} ms`)],
    onset: value => send({do: 'work', value}),
  });
  const choose = html('select', {'aria-label': 'producer', hidden: true, onchange: () => draw()});
  const right = html('div', {class: 'mq-right'}),
    dials = html('div', {class: 'mq-dials'}, pace.node, rate.node, work.node, choose, right),
    map = html('div', {class: 'mq-map'});
  const line = html('div', {class: 'mq-codeline'}),
    code = html('code', {}),
    when = html('span', {class: 'mq-dim'});
  const copy = html(
      'button',
      {class: 'mq-button', onclick: () => copyText(code.textContent, copy)},
      'Copy',
    ),
    all = html('button', {
      class: 'mq-button',
      onclick: () => asCell(told(model, 'control').line.all, all),
    });
  line.append(code, when, copy, all);
  host.append(dials, map, line);
  const columns = [],
    cards = new Map();
  let calledAt = null;
  const draw = () => {
    const c = told(model, 'control');
    if (!c?.dials) return;
    const d = c.dials;
    producer = d.producers.find(p => p[0] === choose.value) ?? d.producers[0] ?? null;
    keep(
      choose,
      d.producers.map(p => p[0]),
      () => d.producers.map(([node, who]) => html('option', {value: node}, who)),
    );
    if (producer) choose.value = producer[0];
    choose.hidden = d.producers.length < 2;
    pace.set(d.pace);
    rate.set(producer?.[2] ?? 0);
    work.set(d.work_millis);
    rate.node.querySelector('input').disabled = !producer;
    keep(right, [c.heal, c.reset], () => [verbButton(c.heal, send), verbButton(c.reset, send)]);
    c.columns.forEach((column, i) => {
      if (!columns[i]) {
        const grid = html('div', {class: 'mq-cards'}),
          add = html('div', {style: 'margin-top:6px'});
        columns[i] = {grid, add};
        map.append(
          html(
            'div',
            {class: i === 2 ? 'mq-wide' : ''},
            html(
              'div',
              {style: 'display:flex;justify-content:space-between;gap:8px;margin-bottom:4px'},
              html('span', {class: 'mq-cap'}, column.head),
              ...(i === 2
                ? [
                    html(
                      'span',
                      {class: 'mq-dim', style: 'font-size:12px'},
                      'click a link (A ━━) to cut it',
                    ),
                  ]
                : []),
            ),
            grid,
            add,
          ),
        );
      }
      const {grid, add} = columns[i];
      const wide = column.cards.length > 4 ? 'mq-grid3' : 'mq-grid2';
      grid.className = `mq-cards ${i === 2 ? wide : ''}`;
      column.cards.forEach(card => {
        if (!cards.has(card.node)) cards.set(card.node, cardNode(send));
        const made = cards.get(card.node);
        made.update(card);
        if (made.root.parentNode !== grid) grid.append(made.root);
      });
      const nodes = new Set(column.cards.map(card => card.node));
      for (const [node, made] of cards)
        if (made.root.parentNode === grid && !nodes.has(node)) {
          made.root.remove();
          cards.delete(node);
        }
      keep(add, column.add, () => (column.add ? [verbButton(column.add, send)] : []));
    });
    keep(code, c.line.code, () => [c.line.code || '# each button writes its line of Python here']);
    keep(when, c.line.when, () => [c.line.when ?? '']);
    copy.hidden = !c.line.code;
    all.hidden = c.line.all.length < 2;
    if (!/added|Copied|clipboard/.test(all.textContent))
      all.textContent = `All ${c.line.all.length} lines as a cell`;
    else
      setTimeout(() => {
        all.textContent = '';
        draw();
      }, 1500);
    if (c.line.at && calledAt !== null && c.line.at !== calledAt) press(c.line.call);
    calledAt = c.line.at ?? 0;
  };
  const press = call => {
    // a call from a cell presses the same button visibly
    const button = [...map.querySelectorAll('[data-call]')].find(b => b.dataset.call === call);
    if (!button) return;
    button.classList.toggle('mq-inverse');
    setTimeout(() => button.classList.toggle('mq-inverse'), CALLED_MS);
  };
  model.on('change:control', draw);
  draw();
  return () => model.off('change:control', draw);
}
