"""What Helm is asked to do for its tape: a chart with a definition and an object of its kind, hooks, and
what a release goes through."""
import os

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
    "values.yaml": "colour: blue\nreplicas: 1\nhasExtra: false\n",
    "crds/lamp.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lamps.tape.skiff.dev}
spec:
  group: tape.skiff.dev
  scope: Namespaced
  names: {plural: lamps, singular: lamp, kind: Lamp, listKind: LampList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              colour: {type: string, default: white}
              watts: {type: integer, minimum: 1}
""",
    "templates/lamp.yaml": """
apiVersion: tape.skiff.dev/v1
kind: Lamp
metadata: {name: {{ .Release.Name }}-lamp}
spec: {colour: {{ .Values.colour }}, watts: 7}
""",
    "templates/settings.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data:
  colour: {{ .Values.colour }}
  others: {{ (lookup "v1" "ConfigMap" .Release.Namespace "").items | len | quote }}
""",
    "templates/web.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-web, labels: {app: web}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, colour: {{ .Values.colour }}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: web, image: "localhost/busybox:1", command: [sleep, "3600"]}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-web}
spec: {selector: {app: web}, ports: [{port: 80}]}
{{ if .Values.hasExtra }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-extra}
stringData: {word: sesame}
{{ end }}
""",
    "templates/migrate.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: "localhost/busybox:1", command: ["true"]}
""",
    "templates/test.yaml": """
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  restartPolicy: Never
  containers:
  - {name: c, image: "localhost/busybox:1", command: ["true"]}
""",
}


def write_chart(folder):
    for name, text in CHART.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    return folder


def commands(chart):
    wait = ("--wait", "--wait-for-jobs", "--timeout", "60s")
    return [
        ("install", "shop", chart, "--create-namespace") + wait,
        ("list",), ("status", "shop", "--show-resources"), ("get", "all", "shop"),
        ("upgrade", "shop", chart, "--set", "colour=red,hasExtra=true,replicas=2") + wait,
        ("test", "shop", "--timeout", "60s"),
        ("upgrade", "--install", "shop", chart, "--dry-run=server"),
        ("upgrade", "shop", chart, "--atomic", "--set", "colour=green") + wait,
        ("history", "shop"), ("rollback", "shop", "2") + wait,
        ("uninstall", "shop", "--wait", "--timeout", "60s"),
    ]
