using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Aperture.Generation;
using Aperture.Hosting;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Aperture.Host.Tests.Hosting;

/// <summary>What <c>AddAperture</c> adds to a program: pipelines by key, checks at the start, figures, and a stop that cuts nobody short.</summary>
public sealed class HostingTests
{
    private const string Question = "What is in the top left?";

    [Fact]
    public async Task Keys_of_the_configuration_give_pipelines_that_are_ready_when_the_program_has_started()
    {
        await using HostedShelf shelf = new();
        HealthCheckService health = shelf.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Degraded, (await health.CheckHealthAsync()).Status);
        await shelf.StartAsync();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync()).Status);
        Assert.Equal(2, shelf.Log.Count(line => line.StartsWith("Information: Pipeline ", StringComparison.Ordinal)));

        Pipeline pruned = shelf.Services.GetRequiredKeyedService<Pipeline>("shelf"), plain = shelf.Services.GetRequiredKeyedService<Pipeline>("plain");
        Answer answer = await pruned.Ask(Photo(), Question);

        Assert.Equal("purple shirt", answer.Text);
        Assert.Equal("fitprune(Reduction=0.6)", pruned.Label);
        Assert.True(answer.VisualTokensByLayer.Average() < 70, $"{answer.VisualTokensByLayer.Average()} visual tokens a layer");
        Assert.Same(pruned.Model, plain.Model);
        EngineSession engine = shelf.Services.GetRequiredService<EngineSession>();
        Assert.Equal((1, "float32"), (engine.Defaults.Threads, engine.Defaults.Type));

        await engine.UnloadAsync("tiny-llava");
        HealthReport report = await health.CheckHealthAsync();
        Assert.Equal(HealthStatus.Unhealthy, report.Status);
        Assert.Equal("The models of plain, shelf were disposed.", report.Entries[ApertureServices.HealthCheck].Description);
    }

    [Fact]
    public async Task A_configuration_that_cannot_be_served_ends_the_start_with_a_line_for_each_problem()
    {
        await using HostedShelf shelf = new("""
            { "Aperture": { "Pipeline": {}, "KeepPrefixes": "perhaps", "PrefixMemory": -5, "Pipelines": {
                "a": { "model": "tiny-llava", "method": [] },
                "b": { "methods": [ { "name": "fitprune" } ] },
                "c": "nowhere.json" } } }
            """);
        OptionsValidationException refused = await Assert.ThrowsAsync<OptionsValidationException>(shelf.StartAsync);
        Assert.Equal(
            [
                "Aperture:Pipeline is not known; use Models, Pipelines, LoadOnStart, KeepPrefixes, PrefixMemory.",
                "Aperture:KeepPrefixes is 'perhaps'; give true or false.",
                "Aperture:PrefixMemory is '-5'; give a number of bytes.",
                "Aperture:Pipelines:a: 'method' is not known here; use format, version, model, options, methods.",
                "Aperture:Pipelines:b names no model.",
            ],
            refused.Failures.Take(5));
        Assert.Contains("nowhere.json", Assert.Single(refused.Failures.Skip(5)));
    }

    [Fact]
    public async Task A_model_that_is_not_there_ends_the_start_and_a_key_that_nobody_has_is_answered_with_the_nearest()
    {
        await using HostedShelf missing = new("{}", options => options.Pipelines["x"] = new PipelineSpec("no-such-model", []));
        Assert.StartsWith("There is no model 'no-such-model'", (await Assert.ThrowsAsync<ApertureException>(missing.StartAsync)).Message);

        await using HostedShelf shelf = new();
        Assert.Equal(
            "There is no pipeline 'shelv'; did you mean shelf? There are plain, shelf.",
            Assert.Throws<ApertureException>(() => shelf.Services.GetRequiredKeyedService<Pipeline>("shelv")).Message);
    }

    [Fact]
    public async Task Stopping_lets_a_question_finish()
    {
        await using HostedShelf shelf = new();
        await shelf.StartAsync();
        Pipeline plain = shelf.Services.GetRequiredKeyedService<Pipeline>("plain");
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        GenerationOptions asking = plain.Model.Generation with { MinNewTokens = 40, MaxNewTokens = 40 };
        Task<Answer> first = plain.Ask([Message.User(Question, Photo())], asking, _ => begun.TrySetResult(), CancellationToken.None);
        Task<Answer> waiting = plain.Ask(Photo(), Question);
        await begun.Task;

        await shelf.StopAsync();

        Assert.True(first.IsCompletedSuccessfully && waiting.IsCompletedSuccessfully, $"{first.Status}, {waiting.Status}");
        Assert.Equal(40, (await first).Tokens.Count);
        Assert.DoesNotContain(shelf.Log, line => line.Contains("cancelled", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Answers_are_told_under_the_names_of_OpenTelemetry()
    {
        Dictionary<string, double> told = [];
        List<Activity> activities = [];
        await using HostedShelf shelf = new(
            configure: options => options.Pipelines["told"] = new PipelineSpec("tiny-llava", [MethodUse.Parse("fitprune:Reduction=0.3")]));
        Pipeline pruned = shelf.Services.GetRequiredKeyedService<Pipeline>("told"); // no other test has it
        using MeterListener meters = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == EngineTelemetry.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Tell(instrument.Name, value, tags));
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Tell(instrument.Name, value, tags));
        meters.Start();
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == EngineTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if ((string?)activity.GetTagItem("aperture.pipeline") == pruned.Label)
                {
                    activities.Add(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);

        Answer answer = await pruned.Ask(Photo(), Question);

        Assert.Equal(answer.Times.FirstToken / 1000, told["gen_ai.server.time_to_first_token"]);
        Assert.Equal(answer.Times.DecodePerToken / 1000, told["gen_ai.server.time_per_output_token"]);
        Assert.True(told["gen_ai.server.request.duration"] > told["gen_ai.server.time_to_first_token"]);
        Assert.Equal(answer.VisualTokensByLayer.Average(), told["aperture.visual_tokens.kept"]);
        Assert.Equal(answer.Flops.Total, told["aperture.flops"]);
        Assert.Equal(answer.PromptTokens, told["gen_ai.client.token.usage input"]);
        Assert.Equal(answer.Tokens.Count, told["gen_ai.client.token.usage output"]);
        Activity activity = Assert.Single(activities);
        Assert.Equal("chat tiny-llava", activity.DisplayName);
        Assert.Equal(answer.PromptTokens, activity.GetTagItem("gen_ai.usage.input_tokens"));

        void Tell(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            Dictionary<string, object?> all = new(tags.ToArray());
            if ((string?)all["aperture.pipeline"] == pruned.Label)
            {
                told[all.TryGetValue("gen_ai.token.type", out object? type) ? $"{name} {type}" : name] = value;
            }
        }
    }

    [Fact]
    public async Task Health_and_other_pipelines_do_not_wait_for_one_that_is_being_opened()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("aperture-hosting-");
        string At(string name) => Path.Combine(folder.FullName, name);
        foreach (string file in Directory.EnumerateFiles(Repository.Path("scripts", "models", "tiny-llava")))
        {
            File.Copy(file, At(Path.GetFileName(file)));
        }

        JsonNode config = JsonNode.Parse(File.ReadAllText(At("config.json")))!;
        config["strange"] = true; // told while the model opens
        File.WriteAllText(At("config.json"), config.ToJsonString());
        using ManualResetEventSlim reached = new(), released = new();
        await using HostedShelf shelf = new(configure: options => options.Pipelines["slow"] = new PipelineSpec(folder.FullName, []));
        Pipeline plain = shelf.Services.GetRequiredService<AperturePipelines>().Get("plain");
        shelf.OnLine = line =>
        {
            if (line.Contains("strange", StringComparison.Ordinal))
            {
                reached.Set();
                released.Wait();
            }
        };

        Task<Pipeline> opening = Task.Run(() => shelf.Services.GetRequiredService<AperturePipelines>().Get("slow"));
        try
        {
            Assert.True(reached.Wait(TimeSpan.FromMinutes(1)));
            Task<HealthReport> health = shelf.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
            Assert.Same(health, await Task.WhenAny(health, Task.Delay(TimeSpan.FromMinutes(1))));
            Assert.Equal(HealthStatus.Degraded, (await health).Status);
            Assert.Same(plain, shelf.Services.GetRequiredService<AperturePipelines>().Get("plain"));
            Assert.False(opening.IsCompleted);
        }
        finally
        {
            released.Set();
        }

        Assert.Equal(folder.FullName, (await opening).Model.Folder);
        folder.Delete(recursive: true);
    }

    private static Image Photo() => Image.Load(Repository.Path("scripts", "shelf.png"));
}
