{{/* A setting as a number of SQL. What is none is no limit: a pool is rather too large than too small. */}}
{{- define "lathe.number" -}}
{{- if regexMatch "^[0-9]{1,18}$" (. | default "") }}CAST({{ . }} AS bigint){{ else }}NULL{{ end -}}
{{- end }}

{{/* A project's limit, its own before the setting's, of app/store/quotas:
     (list "the setting" "'name', 'name'"). Names come in the order in which they hold. */}}
{{- define "lathe.limit" -}}
(SELECT most FROM (SELECT name, most FROM quotas
WHERE quotas.project_id = jobs.project_id AND name IN ({{ index . 1 }})
UNION ALL SELECT 'setting', {{ include "lathe.number" (index . 0) }}) AS limits ORDER BY name LIMIT 1)
{{- end }}

{{/* How many jobs of a queue have work for a pod, as SQL: (list . "gpu"). Running ones count, or the
     workers that run them would be too many. Of those that wait and are due, as many of each
     project as its limit of running jobs leaves, and none where its GPU minutes of this month are
     spent: no worker would take them. Minutes are those of attempts that are over, so never more than
     a worker counts. */}}
{{- define "lathe.work" -}}
{{- $queue := index . 1 }}
{{- $settings := (index . 0).Values.settings }}
{{- $gpu := eq $queue "gpu" }}
{{- $running := index $settings "LATHE_RUNNING_PER_PROJECT" }}
{{- if $gpu }}
{{- $running = index $settings "LATHE_RUNNING_GPU_PER_PROJECT" | default $running }}
{{- end -}}
SELECT CAST(coalesce(sum(running + CASE
{{- if $gpu }}
WHEN minutes IS NOT NULL AND minutes <= (
SELECT coalesce(sum(extract(epoch FROM ended_at - greatest(started_at, month))) / 60, 0)
FROM attempts WHERE attempts.queue = 'gpu' AND attempts.project_id = unfinished.project_id
AND ended_at > month) THEN 0
{{- end }}
WHEN most IS NULL THEN waiting ELSE least(waiting, greatest(most - running, 0)) END), 0) AS bigint)
FROM (SELECT project_id, date_trunc('month', now(), 'UTC') AS month,
count(*) FILTER (WHERE state = 'running') AS running,
count(*) FILTER (WHERE state = 'queued') AS waiting,
{{- if $gpu }}
{{ include "lathe.limit" (list (index $settings "LATHE_QUOTA_GPU_MINUTES") "'gpu_minutes'") }} AS minutes,
{{ include "lathe.limit" (list $running "'running_gpu', 'running_jobs'") }} AS most
{{- else }}
{{ include "lathe.limit" (list $running "'running_jobs'") }} AS most
{{- end }}
FROM jobs WHERE queue = '{{ $queue }}' AND (state = 'running' OR
(state = 'queued' AND (not_before IS NULL OR not_before <= now())))
GROUP BY project_id) AS unfinished
{{- end }}
