// Predict, Check, Goal and Ledger: plain HTML from one Dict.
// What is typed or chosen stays over redraws.
const GREETED_WITHIN_MS = 4000,
  SHOWN_MS = 20000,
  LOOK_EVERY_MS = 1000;
const KERNEL_ENDS = ['restarting', 'autorestarting', 'terminating', 'dead'];
const GONE =
  'No word from the kernel: buttons wait until it is back. ' +
  'What is stored stays in the ledger file.';

const MEND = 'To mend it, change the cell above and run it again (Shift+Enter).';

function cardButton(text, act, {main = false, ...more} = {}) {
  return html(
    'button',
    {class: `mq-button ${main ? 'mq-inverse' : ''}`, onclick: act, ...more},
    text,
  );
}

function predictBefore(card, mine, send, redraw) {
  const option = (name, text) =>
    html(
      'button',
      {
        class: `mq-button mq-choice ${mine[name] === text ? 'mq-heavy' : ''}`,
        'aria-pressed': String(mine[name] === text),
        onclick: () => {
          mine[name] = text;
          redraw();
        },
      },
      text,
    );
  const ready = () => mine.said !== undefined && mine.sure !== undefined;
  const store = cardButton(
    'Store and run',
    () => {
      store.disabled = true;
      send({do: 'store', said: mine.said, sure: mine.sure});
    },
    {main: true, disabled: !ready()},
  );
  const typed = () =>
    html(
      'label',
      {class: 'mq-row', style: 'margin:0'},
      html('input', {
        type: 'number',
        'aria-label': 'your answer',
        step: 'any',
        min: card.low,
        max: card.high,
        value: mine.said ?? '',
        style: 'width:110px',
        oninput: event => {
          mine.said = event.target.value === '' ? undefined : Number(event.target.value);
          store.disabled = !ready();
        },
        onkeydown: event => {
          if (event.key === 'Enter' && ready()) store.click();
        },
      }),
      html('span', {class: 'mq-dim'}, card.unit),
    );
  return [
    html(
      'div',
      {class: 'mq-row', role: 'group', 'aria-label': 'your answer'},
      ...(card.choices.length ? card.choices.map(c => option('said', c)) : [typed()]),
    ),
    html(
      'div',
      {class: 'mq-row', role: 'group', 'aria-label': 'how sure'},
      html('span', {class: 'mq-dim'}, 'How sure?'),
      ...card.sureness.map(s => option('sure', s)),
      html(
        'span',
        {class: 'mq-right mq-row', style: 'margin-top:0;margin-bottom:0;gap:14px'},
        ...(card.skippable
          ? [
              html(
                'button',
                {class: 'mq-link', onclick: () => send({do: 'skip'})},
                'run without an answer',
              ),
            ]
          : []),
        store,
      ),
    ),
  ];
}

function predictCard(card, mine, send, redraw) {
  const out = [html('div', {class: 'mq-question'}, card.question)],
    say = html('div', {class: 'mq-sentence'}, ...rich(card.say));
  if (card.stage === 'before') out.push(...predictBefore(card, mine, send, redraw));
  if (card.stage === 'see') {
    const show = cardButton('Show what it was', () => send({do: 'see', text: mine.saw ?? ''}), {
      main: true,
    });
    const saw = html('input', {
      type: 'text',
      maxlength: 500,
      style: 'flex:1 1 260px',
      'aria-label': 'what did you see',
      value: mine.saw ?? '',
      oninput: event => {
        mine.saw = event.target.value;
      },
      onkeydown: event => {
        if (event.key === 'Enter') show.click();
      },
    });
    out.push(say, html('div', {class: 'mq-row'}, saw, show));
  }
  if (card.saw && card.saw !== '-')
    out.push(html('div', {}, 'What did you see? ', html('i', {}, `You wrote: “${card.saw}”`)));
  if (card.axis) {
    const host = html('div', {class: 'mq-axis'});
    host.mqAxis = card.axis;
    out.push(host);
  }
  if (card.error)
    out.push(
      html(
        'div',
        {class: 'mq-error'},
        html('code', {}, card.error),
        'Your answer is stored. ',
        cardButton('Run again', () => send({do: 'again'})),
      ),
    );
  if (card.trouble) out.push(html('div', {class: 'mq-error'}, html('code', {}, card.trouble)));
  if (card.stage !== 'see') out.push(say);
  if (card.why) out.push(html('div', {class: 'mq-why'}, card.why));
  return out;
}

function breachTable(broken, send) {
  const table = block(broken.table, send);
  table.querySelectorAll('tbody tr').forEach((row, i) => {
    if (!broken.points[i]) return;
    row.addEventListener('mouseenter', () => lightPoint(broken.points[i]));
    row.addEventListener('mouseleave', () => lightPoint(null));
  });
  return table;
}

// The button that shows the breaking event in the plots; hidden while none of them reaches it.
function showButton(broken) {
  const point = broken.points[broken.table.marks.indexOf('breach')];
  if (!point) return null;
  const plots = () => [...(globalThis.mqPlots ?? [])].filter(plot => plot.mqShows(point));
  const show = cardButton('', () => {
    const found = plots(),
      first = found.find(plot => plot.mqRuler()) ?? found[0];
    lightPoint(point);
    first?.scrollIntoView({block: 'nearest'});
    clearTimeout(showButton.later);
    showButton.later = setTimeout(() => lightPoint(null), SHOWN_MS);
  });
  show.mqLook = () => {
    const found = plots(),
      text = found.some(plot => plot.mqRuler()) ? 'Show on the ruler' : 'Show in the picture';
    show.hidden = !found.length;
    if (show.textContent !== text) show.textContent = text;
  };
  show.mqLook();
  return show;
}

function checkCard(card, mine, send) {
  const mark = card.passed === null ? '' : card.passed ? '✓ ' : '✗ ',
    out = [];
  const task = plain(card.task ?? []);
  if (card.passed === null && task)
    out.push(html('div', {style: 'margin:4px 0'}, ...rich(card.task)));
  if (!(card.passed === null && task && plain(card.say).endsWith(task)))
    out.push(html('div', {class: 'mq-question'}, mark, ...rich(card.say)));
  for (const broken of card.broken ?? [])
    out.push(
      html('div', {style: 'margin:6px 0;font-size:14px'}, ...rich(broken.rule)),
      breachTable(broken, send),
    );
  if (card.rules.length)
    out.push(
      html(
        'ul',
        {class: 'mq-rules', 'aria-label': 'rules'},
        ...card.rules.map(rule => html('li', {}, ...rich(rule))),
      ),
    );
  if (card.passed && card.why) out.push(html('div', {class: 'mq-why'}, card.why));
  out.push(
    ...card.hints.map((hint, i) =>
      html('div', {class: 'mq-why'}, html('b', {}, `Hint ${i + 1}. `), ...rich(hint)),
    ),
  );
  if (card.solution)
    out.push(
      html('div', {class: 'mq-cap', style: 'margin-top:8px'}, 'One solution'),
      html('pre', {class: 'mq-solution', tabindex: '0'}, card.solution),
    );
  if (card.error) out.push(html('div', {class: 'mq-error'}, html('code', {}, card.error)));
  out.push(
    html(
      'div',
      {class: 'mq-row'},
      cardButton(card.passed === null ? 'Judge' : 'Judge again', () => send({do: 'judge'}), {
        main: card.passed === null,
        title: card.passed === null ? null : 'The same answer once more, on new inputs',
      }),
      ...(card.broken ?? []).map(showButton).filter(Boolean),
      ...(card.hints_left
        ? [
            cardButton(
              `Hint ${card.hints.length + 1} of ${card.hints.length + card.hints_left}`,
              () => send({do: 'hint'}),
            ),
          ]
        : []),
      ...(card.may_show_solution
        ? [cardButton('Show a solution', () => send({do: 'solution'}))]
        : []),
      html('span', {class: 'mq-dim mq-right'}, card.foot ?? ''),
    ),
  );
  if (card.passed === false && task) out.push(html('div', {class: 'mq-dim'}, MEND));
  return out;
}

function ledgerCard(card, mine, send, redraw) {
  const say = html('div', {class: 'mq-sentence'}, ...rich(card.say));
  card.wrong.forEach((entry, i) =>
    say.append(
      html('br'),
      html(
        'button',
        {
          class: 'mq-link',
          'aria-expanded': String(mine.open === i),
          onclick: () => {
            mine.open = mine.open === i ? null : i;
            redraw();
          },
        },
        entry.question,
      ),
    ),
  );
  const chosen = card.wrong[mine.open];
  return [
    ...(card.error ? [html('div', {class: 'mq-error'}, html('code', {}, card.error))] : []),
    block(card.table, send),
    say,
    ...(chosen ? [html('div', {class: 'mq-why', role: 'status'}, chosen.text)] : []),
    ...(card.notebooks
      ? [html('div', {style: 'max-width:420px;margin-top:10px'}, block(card.notebooks, send))]
      : []),
    html(
      'div',
      {class: 'mq-row'},
      cardButton('Read again', () => send({do: 'refresh'})),
      html('span', {class: 'mq-dim mq-right'}, card.foot),
    ),
  ];
}

function goalCard(card) {
  const light = html('span', {
    class: `mq-light ${card.on ? 'mq-on-light' : ''}`,
    role: 'img',
    'aria-label': card.on ? 'light on' : 'light off',
  });
  return [
    html(
      'div',
      {class: 'mq-goal'},
      light,
      html(
        'div',
        {},
        html('div', {class: 'mq-question', style: 'margin:0'}, card.text),
        html('div', {class: 'mq-sentence'}, ...rich(card.say)),
      ),
    ),
  ];
}

function openCard(model, el) {
  const root = html('div', {class: 'minimq', 'data-lm-suppress-shortcuts': 'true'}),
    host = html('div', {class: 'mq-learn', role: 'group'}),
    heard = html('div', {class: 'mq-heard', role: 'status', 'aria-live': 'polite'});
  root.append(host, heard);
  el.append(root);
  hearAgain(wholeModel(model));
  const mine = {},
    makers = {predict: predictCard, check: checkCard, ledger: ledgerCard, goal: goalCard};
  let timer = 0,
    gone = false;
  const lose = () => {
    clearTimeout(timer);
    gone = true;
    draw();
  };
  const lost = () => {
    if (kernelLives(model)) timer = setTimeout(lost, GREETED_WITHIN_MS);
    else lose();
  };
  const greet = () => {
    clearTimeout(timer);
    timer = setTimeout(lost, GREETED_WITHIN_MS);
    try {
      model.send({do: 'hello'});
    } catch {
      lost();
    }
  };
  const send = message => {
    greet();
    try {
      model.send(message);
    } catch {
      lost();
    }
  };
  const back = message => {
    if (!message?.hello) return;
    clearTimeout(timer);
    timer = 0;
    if (gone) {
      gone = false;
      draw();
    }
  };
  const axes = () =>
    host.querySelectorAll('.mq-axis').forEach(place => drawAxis(place, place.mqAxis));
  const draw = () => {
    const card = model.get('card');
    if (!card?.kind) return;
    const active = host.contains(document.activeElement) ? document.activeElement : null,
      focus =
        active && [active.tagName, active.textContent, active.getAttribute('aria-label')].join('|');
    host.replaceChildren(
      html(
        'div',
        {class: 'mq-top'},
        html('span', {}, card.top[0]),
        html('span', {}, gone ? 'NOT CONNECTED' : card.top[1]),
      ),
      ...makers[card.kind](card, mine, send, draw),
      ...(gone ? [html('div', {class: 'mq-error'}, GONE)] : []),
    );
    host.setAttribute('aria-label', card.top[0]);
    root.dataset.stage = gone
      ? 'gone'
      : (card.stage ?? (card.passed === null ? 'before' : String(card.passed ?? '')));
    axes();
    if (gone)
      host.querySelectorAll('button:not(.mq-link)').forEach(b => {
        b.disabled = true;
      });
    if (active)
      [...host.querySelectorAll('button,input')]
        .find(b => [b.tagName, b.textContent, b.getAttribute('aria-label')].join('|') === focus)
        ?.focus();
    const said = plain(card.say);
    if (heard.textContent !== said) heard.textContent = said;
  };
  model.on('change:card', draw);
  model.on('msg:custom', back);
  const look = setInterval(
    () => host.querySelectorAll('button').forEach(button => button.mqLook?.()),
    LOOK_EVERY_MS,
  );
  const theme = watchTheme(root),
    sizes = new ResizeObserver(axes),
    kernel = model.widget_manager?.kernel;
  const ended = (_, status) => {
    if (KERNEL_ENDS.includes(status)) lose();
  };
  kernel?.statusChanged?.connect(ended);
  sizes.observe(root);
  draw();
  greet();
  return () => {
    model.off('change:card', draw);
    model.off('msg:custom', back);
    theme();
    sizes.disconnect();
    clearTimeout(timer);
    clearInterval(look);
    kernel?.statusChanged?.disconnect(ended);
  };
}

// The greeting of a new model tells the kernel that somebody is there, before it is on screen.
export default {
  initialize({model}) {
    try {
      model.send({do: 'hello'});
    } catch {
      /* a saved picture without a kernel */
    }
  },
  render({model, el}) {
    return openCard(model, el);
  },
};
