// What the sample target has to say: how far a place is from 0°, 0°.
const EARTH_RADIUS_KM = 6371.0088;

/** Great-circle distance to 0°, 0° (haversine), in km to three places. */
export function distanceKm(lat: number, lon: number): number {
    const rad = Math.PI / 180;
    const a = Math.sin((lat * rad) / 2) ** 2 + Math.cos(lat * rad) * Math.sin((lon * rad) / 2) ** 2;
    return Math.round(2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(a))) * 1000) / 1000;
}

/** The place in a body, if it has one. Rows of a CSV file come with their numbers as text. */
export function placeOf(body: string): { lat: number; lon: number } | null {
    let value: unknown;
    try {
        value = JSON.parse(body);
    } catch {
        return null; // not JSON, so not a place: every body is welcome
    }
    if (typeof value !== 'object' || value === null) return null;
    const { lat, lon } = value as Record<string, unknown>;
    const place = { lat: coordinate(lat), lon: coordinate(lon) };
    return Number.isFinite(place.lat) && Number.isFinite(place.lon) ? place : null;
}

// Number('') is 0, which is a place; an empty cell is none.
const coordinate = (v: unknown): number => (typeof v === 'number' ? v : typeof v === 'string' && v.trim() !== '' ? Number(v) : NaN);
