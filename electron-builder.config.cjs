// Packages: `npm run package` (scripts/package.mjs sets the environment).
const { readFileSync, rmSync } = require('node:fs');
const { join } = require('node:path');
const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH; // the fallback runtime, where the official one cannot be had
const testBuild = process.env.LSMITH_TEST_BUILD === '1';

/** @type {import('electron-builder').Configuration} */
module.exports = {
  appId: 'org.lsmith.LSMith',
  productName: 'LSMith',
  artifactName: `\${name}-\${version}-linux-\${arch}${testBuild ? '-test' : ''}.\${ext}`,
  directories: { output: testBuild ? 'dist/test' : 'dist', buildResources: 'assets' },
  files: ['out/**', 'package.json', '!node_modules'],
  extraResources: [
    { from: 'assets/profiles', to: 'assets/profiles' },
    { from: 'assets/headers', to: 'assets/headers' },
    { from: 'assets/examples', to: 'assets/examples' },
  ],
  asar: true,
  npmRebuild: false,
  publish: null,
  electronLanguages: ['en-US'],
  ...(dist ? { electronDist: dist, electronVersion: readFileSync(join(dist, 'version'), 'utf8').trim() } : {}),
  // A custom unpacked electronDist is copied as it is: drop its development-only files
  // before asar integrity is computed (afterExtract, not afterPack).
  afterExtract: (ctx) => {
    for (const f of ['resources/default_app.asar', 'version'])
      rmSync(join(ctx.appOutDir, f), { recursive: true, force: true });
  },
  electronFuses: {
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: testBuild, // Playwright drives the test build through --inspect; releases refuse it
    enableCookieEncryption: true,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
  },
  toolsets: { appimage: '1.0.3' },
  appImage: { compression: 'gzip' },
  deb: {
    compression: testBuild || process.env.CI ? 'gz' : 'xz',
    packageCategory: 'devel',
    // `.bpf.c` has two dots, which electron-builder's own fileAssociations skip: the package brings its MIME type itself.
    fpm: [`${join(__dirname, 'assets/mime/lsmith.xml')}=/usr/share/mime/packages/lsmith.xml`],
    depends: [
      'libgtk-3-0 | libgtk-3-0t64',
      'libnotify4',
      'libnss3',
      'libxss1',
      'libxtst6',
      'xdg-utils',
      'libatspi2.0-0 | libatspi2.0-0t64',
      'libuuid1',
      'libsecret-1-0',
      'libgbm1',
      'libasound2 | libasound2t64',
    ],
  },
  extraMetadata: { homepage: 'https://lsmith.invalid', desktopName: 'lsmith.desktop' },
  linux: {
    executableName: 'lsmith',
    icon: 'assets/icons',
    category: 'Development;IDE',
    synopsis: 'Workbench for BPF LSM policies',
    description:
      'Author, verify, run and compare BPF LSM policies for Linux, and see which security module decided what.',
    maintainer: 'LSMith developers <lsmith@example.invalid>',
    syncDesktopName: true,
    mimeTypes: ['text/x-bpf-csrc'],
    desktop: {
      entry: { Name: 'LSMith', GenericName: 'BPF LSM Workbench', Keywords: 'bpf;lsm;security;kernel;policy;' },
    },
    target: ['deb', 'AppImage'],
  },
};
