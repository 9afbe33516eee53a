import { InputError } from "../earthquakes";
import { readEarthquakes } from "../settings.server";

/** Says whether the data can be read. */
export async function loader() {
  try {
    return Response.json({ status: "ok", earthquakes: (await readEarthquakes()).length });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return Response.json({ status: "failed", error: error.message }, { status: 503 });
  }
}
