// Control documents as users have made them.
import { moved, newControl, type Control, type ControlMove } from '../../src/core/control';

/** The document after these moves, one after the other. */
export const controlAfter = (...moves: ControlMove[]): Control =>
    moves.reduce((control, move) => moved(control, move, { by: 'test', at: 1_000 }) ?? control, newControl());
