import { useEffect, useRef } from 'preact/hooks';

const keys: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['j', 'k'], 'next and previous row; on a machine, next and previous machine'],
  [['Enter'], 'open the row'],
  [['Esc'], 'back'],
  [['/'], 'search'],
  [['f'], 'fleet'],
  [['a'], 'alerts'],
  [['←', '→'], 'on a machine: move the step that the right-hand chart follows'],
  [['w'], 'on a machine: why the forecast is what it is'],
  [['?'], 'this help'],
];

export function Help(props: { readonly open: boolean; readonly onClose: () => void }) {
  const dialogRef = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (props.open) dialogRef.current?.showModal();
    else dialogRef.current?.close();
  }, [props.open]);
  return (
    <dialog ref={dialogRef} class="help" aria-labelledby="help-title" onClose={props.onClose}>
      <h2 id="help-title">Keys</h2>
      <dl>
        {keys.map(([names, what]) => (
          <div key={what}>
            <dt>
              {names.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h2>What the numbers say</h2>
      <p>
        Each cell of a strip is one of the next steps, which are days unless the machine type says otherwise:
        the probability that the machine will have failed by the end of that step, if it runs now. “Within” is
        the seventh cell. “Expected” is the first step by whose end a failure is more likely than not. A
        hatched strip means that the data do not allow a forecast: not that all is well.
      </p>
      <p>
        Machines of a kind that has no failure on record yet have a health index instead: how far they depart
        from what is expected of them. Their strips are the probability that it passes its limit, and “limit”
        stands before the expected day. That is no forecast of a failure.
      </p>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
