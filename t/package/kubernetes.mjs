// Holds every object of a manifest against Kubernetes' own schemas: node kubernetes.mjs FILE
//
// It stands beside its node_modules. A field that no schema asks for is misspelt: Kubernetes would pass over it.

import { readFileSync } from 'node:fs';
import yaml from 'js-yaml';

/** The value, noting in `asked` the path of each field that somebody reads. */
function watched(value, path, asked) {
    if (value === null || typeof value !== 'object') {
        return value;
    }
    const inner = {};
    return new Proxy(value, {
        get(target, name) {
            if (typeof name === 'symbol' || !Object.hasOwn(target, name)) {
                return target[name];
            }
            asked.add(`${path}/${name}`);
            inner[name] ??= watched(target[name], `${path}/${name}`, asked);
            return inner[name];
        },
    });
}

function paths(value, path = '') {
    if (value === null || typeof value !== 'object') {
        return [];
    }
    return Object.keys(value).flatMap((name) => [`${path}/${name}`, ...paths(value[name], `${path}/${name}`)]);
}

/** apps/v1, Deployment: IoK8sApiAppsV1Deployment */
function schemaName({ apiVersion, kind }) {
    const capital = (word) => word[0].toUpperCase() + word.slice(1);
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
    return `IoK8sApi${capital(group.split('.')[0])}${capital(version)}${kind}`;
}

/** What is wrong with an object. */
async function complaints(object) {
    const { validate } = await import(`./node_modules/kubernetes-models/_schemas/${schemaName(object)}.mjs`);
    const asked = new Set();
    if (!validate(watched(object, '', asked))) {
        return validate.errors.map((error) => `${error.instancePath} ${error.message}`);
    }
    return paths(object).filter((path) => !asked.has(path)).map((path) => `${path} is unknown`);
}

let bad = 0;
for (const object of yaml.loadAll(readFileSync(process.argv[2], 'utf8'))) {
    const wrong = await complaints(object);
    console.log(`${wrong.length ? 'not ok' : 'ok'} ${object.kind} ${object.metadata.name}`, ...wrong);
    bad += wrong.length;
}
process.exit(bad ? 1 : 0);
