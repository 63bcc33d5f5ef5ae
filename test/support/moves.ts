// Control documents as users have made them.
import { moved, newControl, type Control } from '../../src/core/control';
import type { ControlMove } from '../../src/core/states';

/** The document after these moves, one after the other. */
export const controlAfter = (...moves: ControlMove[]): Control =>
    moves.reduce((control, move) => moved(control, move, { by: 'test', at: 1_000 }) ?? control, newControl());
