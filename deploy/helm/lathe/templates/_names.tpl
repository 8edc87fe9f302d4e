{{/* Every object's name begins with this. */}}
{{- define "lathe.name" -}}
{{- if contains "lathe" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-lathe" (.Release.Name | trunc 34 | trimSuffix "-") }}{{ end }}
{{- end }}

{{/* Which pods are one part: (list . "api"). */}}
{{- define "lathe.selector" -}}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Of pods: nothing that changes with a release, or each would restart the database. */}}
{{- define "lathe.pod.labels" -}}
app.kubernetes.io/name: lathe
{{ include "lathe.selector" . }}
{{- end }}

{{- define "lathe.labels" -}}
{{ include "lathe.pod.labels" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{/* name, namespace and labels: (list . "api"). */}}
{{- define "lathe.metadata" -}}
name: {{ include "lathe.name" (index . 0) }}-{{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "lathe.labels" . | nindent 2 }}
{{- end }}

{{- define "lathe.image" -}}
{{- $image := index (index . 0).Values.images (index . 1) -}}
image: {{ printf "%s:%s" $image.repository ($image.tag | default (index . 0).Chart.AppVersion) | quote }}
imagePullPolicy: {{ (index . 0).Values.images.pullPolicy }}
{{- end }}

{{/* A server of ours as every namespace can name it: (list . "postgres"). */}}
{{- define "lathe.host" -}}
{{ include "lathe.name" (index . 0) }}-{{ index . 1 }}.{{ (index . 0).Release.Namespace }}.svc
{{- end }}
