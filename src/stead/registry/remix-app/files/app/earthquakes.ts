/** Earthquakes: what they are, and which of them are shown. */

export interface Earthquake {
  id: string;
  /** ISO 8601, UTC. */
  time: string;
  place: string;
  magnitude: number;
  /** Kilometres below the surface. */
  depth: number;
  latitude: number;
  longitude: number;
}

export const ORDERS = ["time", "magnitude", "depth"] as const;
export type Order = (typeof ORDERS)[number];

export interface Query {
  /** The least magnitude. */
  least: number;
  order: Order;
}

export const EXPECTED_DATA =
  "Expected: a JSON list of objects with id, time (ISO 8601), place, magnitude (-2 to 10), " +
  "depth (kilometres), latitude (-90 to 90) and longitude (-180 to 180).";
export const EXPECTED_QUERY = `Expected: least (a magnitude, -2 to 10) and order (${ORDERS.join(", ")}).`;

/** What was given cannot be used; the message names what is expected. */
export class InputError extends Error {
  override name = "InputError";
}

/** Reads earthquakes from JSON text. Throws InputError. */
export function parseEarthquakes(text: string): Earthquake[] {
  let held: unknown;
  try {
    held = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${(error as Error).message}. ${EXPECTED_DATA}`);
  }
  if (!Array.isArray(held) || held.length === 0) {
    throw new InputError(`There are no earthquakes. ${EXPECTED_DATA}`);
  }
  const seen = new Set<string>();
  return held.map((one: unknown, index) => {
    const wrong = (name: string) =>
      new InputError(`Earthquake ${index + 1}: ${name} is wrong or missing. ${EXPECTED_DATA}`);
    const fields = (typeof one === "object" && one !== null ? one : {}) as Record<string, unknown>;
    const text = (name: string) => {
      const value = fields[name];
      if (typeof value !== "string" || value === "") throw wrong(name);
      return value;
    };
    const number = (name: string, low: number, high: number) => {
      const value = fields[name];
      if (typeof value !== "number" || !(value >= low && value <= high)) throw wrong(name);
      return value;
    };
    const time = new Date(text("time"));
    if (Number.isNaN(time.getTime())) throw wrong("time");
    const id = text("id");
    if (seen.has(id)) throw wrong("id");
    seen.add(id);
    return {
      id,
      time: time.toISOString(),
      place: text("place"),
      magnitude: number("magnitude", -2, 10),
      depth: number("depth", -20, 1000),
      latitude: number("latitude", -90, 90),
      longitude: number("longitude", -180, 180),
    };
  });
}

/** Reads what is asked for from an address's query; what is left out has a default. Throws InputError. */
export function parseQuery(asked: URLSearchParams): Query {
  const least = asked.get("least") || "4.5";
  const order = asked.get("order") || "time";
  if (!/^-?\d+(\.\d+)?$/.test(least) || Number(least) < -2 || Number(least) > 10) {
    throw new InputError(`least is ${JSON.stringify(least)}. ${EXPECTED_QUERY}`);
  }
  if (!ORDERS.includes(order as Order)) {
    throw new InputError(`order is ${JSON.stringify(order)}. ${EXPECTED_QUERY}`);
  }
  return { least: Number(least), order: order as Order };
}

/** Gives the earthquakes that are asked for: the latest, strongest or deepest first. */
export function select(all: readonly Earthquake[], { least, order }: Query): Earthquake[] {
  return all
    .filter((one) => one.magnitude >= least)
    .sort((a, b) =>
      order === "time" ? b.time.localeCompare(a.time) : b[order] - a[order],
    );
}
