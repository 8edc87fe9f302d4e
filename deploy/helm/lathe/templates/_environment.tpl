{{/* One variable from a key of the Secret: (list . "NAME" "key"). */}}
{{- define "lathe.secret" -}}
- name: {{ index . 1 }}
  valueFrom: {secretKeyRef: {name: {{ (index . 0).Values.secret }}, key: {{ index . 2 }}}}
{{- end }}

{{/* The same, where the key may be missing. */}}
{{- define "lathe.secret.optional" -}}
- name: {{ index . 1 }}
  valueFrom: {secretKeyRef: {name: {{ (index . 0).Values.secret }}, key: {{ index . 2 }}, optional: true}}
{{- end }}

{{/* Where the database, the broker and the objects are, and the settings of everybody. */}}
{{- define "lathe.environment" -}}
{{- if .Values.postgres.enabled }}
{{ include "lathe.secret" (list . "POSTGRES_PASSWORD" "postgres-password") }}
- name: LATHE_DATABASE_URL
  value: postgresql://lathe:$(POSTGRES_PASSWORD)@{{ include "lathe.host" (list . "postgres") }}:5432/lathe
{{- else }}
{{ include "lathe.secret" (list . "LATHE_DATABASE_URL" "database-url") }}
{{- end }}
{{- if .Values.valkey.enabled }}
{{ include "lathe.secret" (list . "VALKEY_PASSWORD" "valkey-password") }}
- name: LATHE_BROKER_URL
  value: redis://:$(VALKEY_PASSWORD)@{{ include "lathe.host" (list . "valkey") }}:6379/0
{{- else }}
{{ include "lathe.secret" (list . "LATHE_BROKER_URL" "broker-url") }}
{{- end }}
{{- if .Values.objects.enabled }}
- name: LATHE_OBJECTS_URL
  value: s3://{{ .Values.objects.bucket }}/objects?endpoint=http://{{ include "lathe.host" (list . "objects") }}:8333
{{ include "lathe.secret" (list . "LATHE_S3_ACCESS_KEY_ID" "s3-access-key-id") }}
{{ include "lathe.secret" (list . "LATHE_S3_SECRET_ACCESS_KEY" "s3-secret-access-key") }}
{{- else }}
- name: LATHE_OBJECTS_URL
  value: {{ required "objects.url: name the bucket, as s3://bucket/prefix, or set objects.enabled" .Values.objects.url }}
{{ include "lathe.secret.optional" (list . "LATHE_S3_ACCESS_KEY_ID" "s3-access-key-id") }}
{{ include "lathe.secret.optional" (list . "LATHE_S3_SECRET_ACCESS_KEY" "s3-secret-access-key") }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $key := .Values.secretSettings }}
{{ include "lathe.secret" (list $ $name $key) }}
{{- end }}
{{- end }}
