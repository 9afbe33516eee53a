import { data, Form, useNavigation } from "react-router";
import { InputError, ORDERS, parseQuery, select } from "../earthquakes";
import { keepNote, parseNote, readNotes } from "../notes.server";
import { notesFile, readEarthquakes } from "../settings.server";
import type { Route } from "./+types/home";

export const meta: Route.MetaFunction = () => [{ title: "Earthquakes" }];

/** Gives the earthquakes that are asked for, with their notes. */
export async function loader({ request }: Pick<Route.LoaderArgs, "request">) {
  try {
    const query = parseQuery(new URL(request.url).searchParams);
    const all = await readEarthquakes();
    return { query, total: all.length, shown: select(all, query), notes: await readNotes(notesFile()) };
  } catch (error) {
    if (error instanceof InputError) throw data(error.message, { status: 400 });
    throw error;
  }
}

/** Keeps a note on an earthquake. */
export async function action({ request }: Pick<Route.ActionArgs, "request">) {
  try {
    const known = new Set((await readEarthquakes()).map((one) => one.id));
    const note = parseNote(await request.formData(), known, new Date());
    await keepNote(notesFile(), note);
    return data({ error: null }, { status: 201 });
  } catch (error) {
    if (error instanceof InputError) return data({ error: error.message }, { status: 400 });
    throw error;
  }
}

export default function Home({ loaderData, actionData }: Route.ComponentProps) {
  const { query, total, shown, notes } = loaderData;
  const busy = useNavigation().state !== "idle";
  return (
    <main aria-busy={busy}>
      <h1>Earthquakes</h1>
      <Form method="get">
        <label>
          Least magnitude{" "}
          <input name="least" type="number" step="0.1" min="-2" max="10" defaultValue={query.least} />
        </label>
        <label>
          Order{" "}
          <select name="order" defaultValue={query.order}>
            {ORDERS.map((order) => (
              <option key={order}>{order}</option>
            ))}
          </select>
        </label>
        <button>Show</button>
      </Form>
      <p id="count">
        {shown.length} of {total}
      </p>
      {actionData?.error ? <p role="alert">{actionData.error}</p> : null}
      <table>
        <thead>
          <tr>
            <th>Time (UTC)</th>
            <th>Magnitude</th>
            <th>Depth, km</th>
            <th>Place</th>
            <th>Notes</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <tr key={one.id} id={one.id}>
              <td>{one.time.slice(0, 16).replace("T", " ")}</td>
              <td>{one.magnitude.toFixed(1)}</td>
              <td>{one.depth.toFixed(0)}</td>
              <td>{one.place}</td>
              <td>
                {(notes[one.id] ?? []).map((note, index) => (
                  <p key={index} className="note">
                    {note.text}
                  </p>
                ))}
                <Form method="post" key={notes[one.id]?.length ?? 0}>
                  <input type="hidden" name="id" value={one.id} />
                  <input name="text" aria-label={`Note on ${one.place}`} required maxLength={500} />
                  <button>Add</button>
                </Form>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </main>
  );
}
