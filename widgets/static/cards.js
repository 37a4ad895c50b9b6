// Predict, Check and Ledger: plain HTML from one Dict; what is typed or chosen stays over redraws.
function predictCard(card, mine, send, redraw) {
  const choose = (name, value) => { mine[name] = value; redraw(); };
  const option = (name, text, value = text) => html('button', {class: `mq-button ${mine[name] === value ? 'mq-heavy' : ''}`, 'aria-pressed': String(mine[name] === value), onclick: () => choose(name, value)}, text);
  const out = [html('div', {class: 'mq-question'}, card.question)];
  if (card.stage === 'before') {
    const typed = html('input', {type: 'number', 'aria-label': 'your answer', step: 'any', value: mine.said ?? '', oninput: event => { mine.said = event.target.value === '' ? undefined : Number(event.target.value); store.disabled = !ready(); }});
    const ready = () => mine.said !== undefined && mine.sure !== undefined;
    const store = html('button', {class: 'mq-button mq-inverse', disabled: !ready(), onclick: () => { store.disabled = true; send({do: 'store', said: mine.said, sure: mine.sure}); }}, 'Store and run');
    out.push(html('div', {class: 'mq-row', role: 'group', 'aria-label': 'your answer'}, ...(card.choices.length ? card.choices.map(c => option('said', c)) : [typed, html('span', {class: 'mq-dim'}, card.unit)])),
      html('div', {class: 'mq-row', role: 'group', 'aria-label': 'how sure'}, html('span', {class: 'mq-dim'}, 'How sure?'), ...card.sureness.map(s => option('sure', s)),
        html('span', {class: 'mq-right'}, ...(card.skippable ? [html('button', {class: 'mq-link', style: 'margin-right:12px', onclick: () => send({do: 'skip'})}, 'Run without an answer')] : []), store)));
  }
  if (card.stage === 'running') out.push(html('div', {}, `You said ${card.said} (${card.sure}).`));
  if (card.stage === 'after') {
    if (card.saw) out.push(html('div', {}, 'What did you see? You wrote: ', html('i', {}, `“${card.saw}”`)));
    else {
      const saw = html('input', {type: 'text', style: 'flex:1 1 300px', 'aria-label': 'what did you see', value: mine.saw ?? '', oninput: event => { mine.saw = event.target.value; }});
      out.push(html('div', {class: 'mq-row'}, saw, html('button', {class: 'mq-button mq-inverse', onclick: () => mine.saw && send({do: 'see', text: mine.saw})}, 'Show what it was')));
    }
    if (card.marks) { const axis = svg('svg', {viewBox: '0 0 780 68', width: '100%', style: 'display:block;max-width:780px;overflow:visible', 'aria-hidden': 'true'}); out.push(axis); drawMarks(axis, card.marks, {x: {at: v => v}, y: {at: v => v}}, document.body); }
  }
  if (card.error) out.push(html('div', {class: 'mq-error'}, html('code', {}, card.error), 'The run failed. Your answer is stored.'));
  out.push(html('div', {class: 'mq-sentence'}, ...rich(card.say)));
  if (card.stage === 'after' && card.saw && card.why) out.push(html('div', {}, card.why));
  return out;
}

function checkCard(card, mine, send) {
  const mark = card.passed === null ? '' : card.passed ? '✓ ' : '✗ ';
  const out = [html('div', {class: 'mq-question'}, mark, ...rich(card.say))];
  for (const broken of card.broken ?? []) out.push(html('div', {style: 'margin:6px 0'}, ...rich(broken.rule)), block(broken.table, send));
  if (card.passed) out.push(...card.rules.map(rule => html('div', {}, ...rich(rule))), html('div', {style: 'margin-top:6px'}, card.why ?? ''));
  out.push(...card.hints.map((hint, i) => html('div', {style: 'margin:4px 0'}, html('b', {}, `Hint ${i + 1}: `), hint)));
  out.push(html('div', {class: 'mq-row'}, html('button', {class: 'mq-button mq-inverse', onclick: () => send({do: 'judge'})}, card.passed === null ? 'Judge this run' : 'Judge again'),
    ...(card.hints_left ? [html('button', {class: 'mq-button', onclick: () => send({do: 'hint'})}, `Hint ${card.hints.length + 1} of ${card.hints.length + card.hints_left}`)] : []),
    html('span', {class: 'mq-dim mq-right'}, card.foot ?? '')));
  return out;
}

function ledgerCard(card, mine, send) {
  return [...(card.error ? [html('div', {class: 'mq-error'}, html('code', {}, card.error), 'It was set aside; a new one begins.')] : []), block(card.table, send),
    html('div', {}, ...rich(card.say)), html('div', {class: 'mq-row'}, html('button', {class: 'mq-button', onclick: () => send({do: 'refresh'})}, 'Read again'))];
}

export default { render({model, el}) {
  const root = html('div', {class: 'minimq', 'data-lm-suppress-shortcuts': 'true'}), host = html('div', {class: 'mq-learn'}), heard = html('div', {class: 'mq-heard', role: 'status', 'aria-live': 'polite'});
  root.append(host, heard); el.append(root);
  const mine = {}, send = message => model.send(message), makers = {predict: predictCard, check: checkCard, ledger: ledgerCard};
  const draw = () => {
    const card = model.get('card');
    if (!card?.kind) return;
    const focus = document.activeElement?.textContent, inside = host.contains(document.activeElement);
    host.replaceChildren(html('div', {class: 'mq-top'}, html('span', {}, card.top[0]), html('span', {}, card.top[1])), ...makers[card.kind](card, mine, send, draw));
    if (inside) [...host.querySelectorAll('button')].find(b => b.textContent === focus)?.focus();
    const said = plain(card.say);
    if (heard.textContent !== said) heard.textContent = said;
  };
  model.on('change:card', draw);
  const theme = watchTheme(root);
  draw();
  return () => { model.off('change:card', draw); theme(); };
} };
