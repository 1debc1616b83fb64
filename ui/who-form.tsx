import { useLayoutEffect, useRef, useState } from 'preact/hooks';

const nameKey = 'millwright.who';

/** Who does something, why, and what they choose. */
export function WhoForm(props: {
  readonly verb: string;
  readonly question?: string;
  /** Answers to the question; the first is chosen. */
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
  /** A line of text that is asked for beside. */
  readonly ask?: { readonly label: string; readonly placeholder: string; readonly required: boolean };
  readonly comment?: 'required';
  readonly onSend: (by: string, comment: string, choice: string, answer: string) => void;
  readonly onCancel: () => void;
}) {
  const [by, setBy] = useState(localStorage.getItem(nameKey) ?? '');
  const [comment, setComment] = useState('');
  const [answer, setAnswer] = useState('');
  const { choices = [], ask } = props;
  const [choice, setChoice] = useState(choices[0]?.value ?? '');
  const whoRef = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => whoRef.current?.focus(), []);
  return (
    <form
      class="who-form"
      onSubmit={(event) => {
        event.preventDefault();
        localStorage.setItem(nameKey, by.trim());
        props.onSend(by.trim(), comment.trim(), choice, answer.trim());
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          props.onCancel();
        }
      }}
    >
      {props.question !== undefined && (
        <label>
          {props.question}
          <select value={choice} onChange={(event) => setChoice(event.currentTarget.value)}>
            {choices.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {ask && (
        <label>
          {ask.label}
          <input
            required={ask.required}
            maxLength={100}
            placeholder={ask.placeholder}
            value={answer}
            onInput={(event) => setAnswer(event.currentTarget.value)}
          />
        </label>
      )}
      <label>
        Who
        <input
          required
          maxLength={100}
          autocomplete="name"
          value={by}
          ref={whoRef}
          onInput={(event) => setBy(event.currentTarget.value)}
        />
      </label>
      <label class="grow">
        Comment
        <input
          required={props.comment === 'required'}
          maxLength={2000}
          placeholder="what you found, what you will do"
          value={comment}
          onInput={(event) => setComment(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        {props.verb}
      </button>
      <button type="button" class="plain" onClick={props.onCancel}>
        Cancel
      </button>
    </form>
  );
}
