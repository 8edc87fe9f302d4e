{{/* What every pod is: (list . 10001) for the user that it runs as. One process of the pod's
     own sandbox is the first of its process namespace and reaps, as init does in Compose. */}}
{{- define "lathe.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: true
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 1 }}
  runAsGroup: {{ index . 1 }}
  fsGroup: {{ index . 1 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with (index . 0).Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What every container may: nothing. landlock and seccomp, with which a worker shuts in
     what opens an uploaded file, need no right but RuntimeDefault's leave. */}}
{{- define "lathe.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* No two on one node while there is another: (list . "api"). */}}
{{- define "lathe.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "lathe.selector" . | nindent 8 }}
{{- end }}

{{/* One pod at a time may be moved elsewhere, and one that is not ready at any time. */}}
{{- define "lathe.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "lathe.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "lathe.selector" . | nindent 6 }}
{{- end }}

{{/* Whether the service sees this worker or loop. There is no livenessProbe: nobody is seen
     while the database is away, and a worker that is ended for that loses a running job. */}}
{{- define "lathe.seen" -}}
readinessProbe:
  exec: {command: [python, -m, worker.healthy]}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
{{- end }}
