// Arrows walk the records, [ and ] turn the page; what frame.js does with the other keys stays.
const STORE_KEYS = {
  ArrowRight: {do: 'step', by: 1},
  ArrowDown: {do: 'step', by: 1},
  ArrowLeft: {do: 'step', by: -1},
  ArrowUp: {do: 'step', by: -1},
  '[': {do: 'turn', by: -1},
  ']': {do: 'turn', by: 1},
};

function storeKeys(model, host, root, send) {
  const body = host.closest('.mq-body');
  const press = event => {
    const message = STORE_KEYS[event.key];
    if (!message || event.target !== body) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    send(message);
  };
  const keys = 'arrow keys walk the records, [ and ] turn the page, t table, p pause';
  body.setAttribute('aria-label', `picture: ${keys}`);
  body.addEventListener('keydown', press, true);
  return () => body.removeEventListener('keydown', press, true);
}

export default {
  render({model, el}) {
    return openView(model, el, [{make: marksPart, wide: true}, {make: storeKeys}]);
  },
};
