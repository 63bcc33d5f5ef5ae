import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const forbid = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

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
    },
  },
  {
    // core/ is the determinism boundary: no SDK, no clock, no chance, no I/O.
    files: ['src/core/**/*.ts'],
    rules: {
      ...forbid([{ regex: '^(?!\\./|zod$)', message: 'core/ imports nothing outside itself (zod, for the spec, is the one exception).' }]),
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch', 'Buffer', 'performance', 'crypto'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is an argument in core/.' },
        { object: 'Math', property: 'random', message: 'Chance is an argument in core/.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time is an argument in core/.' },
      ],
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
    files: ['**/*.{mjs,cjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', module: 'writable', URL: 'readonly', Buffer: 'readonly' } },
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
