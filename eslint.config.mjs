import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const forbid = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

// What core/ and orchestrators/ may not touch: the clock, chance, timers and the process. Time and chance are arguments there, or come from the context.
const sideEffects = ['process', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'performance', 'crypto'];
const clockAndChance = [
  { object: 'Date', property: 'now', message: 'Time is an argument here.' },
  { object: 'Math', property: 'random', message: 'Chance is an argument here.' },
];
const readsClock = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time is an argument here.' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time is an argument here.' },
  {
    selector: 'ImportDeclaration[source.value=/^(node:)?(crypto|timers|timers.promises|perf_hooks|process)$/]',
    message: 'No clock, chance or timers here.',
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'test/golden/', 'test/fixtures/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      // A rejection that nobody handles ends the process, and every job in it: no promise is left alone, not even by `void`.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
    },
  },
  {
    // core/ is the determinism boundary: no SDK, no clock, no chance, no I/O.
    files: ['src/core/**/*.ts'],
    rules: {
      ...forbid([{ regex: '^(?!\\./|\\.\\./[A-Za-z]+$)', message: 'core/ imports nothing outside itself.' }]),
      'no-restricted-globals': ['error', ...sideEffects, 'Buffer'],
      'no-restricted-properties': ['error', ...clockAndChance],
      'no-restricted-syntax': ['error', ...readsClock],
    },
  },
  { files: ['src/core/*.ts'], rules: forbid([{ regex: '^(?!\\./)', message: 'core/ imports nothing outside itself.' }]) },
  {
    // An orchestrator is replayed: what it decides may hang on nothing but its history.
    files: ['src/orchestrators/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...sideEffects],
      'no-restricted-properties': ['error', ...clockAndChance],
      'no-restricted-syntax': ['error', ...readsClock],
    },
  },
  {
    // A slice is tested with a clock and dice of the test: its time and chance come from outside, but for clock.ts, which is the real ones.
    files: ['src/activities/processSlice/**/*.ts'],
    ignores: ['src/activities/processSlice/clock.ts'],
    rules: {
      'no-restricted-globals': ['error', ...sideEffects.filter((name) => name !== 'process')],
      'no-restricted-properties': ['error', ...clockAndChance],
      'no-restricted-syntax': ['error', ...readsClock],
    },
  },
  { files: ['devhost/**/*.ts'], rules: forbid([{ regex: '/src/', message: 'devhost/ and src/ do not import each other.' }]) },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/**'],
    rules: forbid([{ regex: '/devhost/', message: 'devhost/ and src/ do not import each other.' }]),
  },
  {
    files: ['src/{sources,processors,reducers,storage}/**/*.ts'],
    rules: forbid([
      {
        regex: '/devhost/|^(@azure/functions|durable-functions)',
        message: 'SDK types stay in orchestrators/, entities/, activities/, http/ and functions/.',
      },
    ]),
  },
  {
    files: ['**/*.{mjs,cjs}', 'main.js'],
    languageOptions: {
      globals: {
        require: 'readonly',
        __dirname: 'readonly',
        process: 'readonly',
        console: 'readonly',
        module: 'writable',
        URL: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
