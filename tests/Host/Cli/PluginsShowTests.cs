using Aperture.Host.Tests.Plugins;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Cli;

/// <summary>What a method does and what one may set, at the shell.</summary>
[Collection(WholeProcess.Name)]
public sealed class PluginsShowTests
{
    [Fact]
    public async Task A_method_is_shown_with_paper_types_defaults_and_ranges()
    {
        (int code, string output, string error) = await CommandInProcess.Run("plugins", "show", "fitprune");

        Assert.Equal((0, ""), (code, error));
        Assert.Matches("(?m)^method +fitprune\n─+  ─+\ndoes +Deletes the least attended", output);
        Assert.Matches("paper +Fit and Prune: Fast and Training-free Visual Token Pruning", output);
        Assert.Contains("arXiv 2409.10197", output, StringComparison.Ordinal);
        Assert.Matches(@"Reduction +number +0\.6 +0 to below 1 ", output);
        Assert.Matches(@"HeadReduce +text +max +max, mean ", output);
        Assert.Contains("options of fitting: aperture fit fitprune", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FASTV", "method  fastv")]
    [InlineData("baselines", "method  pooling")]
    [InlineData("meter", "classifier  meter")]
    [InlineData("llava", "It offers no method and no task")]
    public async Task A_plugin_a_method_and_a_task_are_found_by_their_names(string name, string shown)
    {
        (int code, string output, string error) = await CommandInProcess.Run("plugins", "show", name);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains(shown, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_nothing_has_is_refused_with_those_there_are()
    {
        (int code, _, string error) = await CommandInProcess.Run("plugins", "show", "nosuch");

        Assert.Equal(1, code);
        Assert.StartsWith("error: There is no method 'nosuch'; there are fitprune", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Defaults_of_the_list_are_shown_as_such()
    {
        using PluginSandbox sandbox = new();
        string folder = PluginCatalog.Read().Find("fitprune").Folder;
        string list = Path.Combine(sandbox.Folder, "mine.json");
        File.WriteAllText(list, $$"""{ "plugins": [{ "id": "fitprune", "folder": "{{folder}}", "options": { "MinVisualTokens": 7 } }] }""");

        (_, string output, _) = await CommandInProcess.Run("plugins", "show", "fitprune", "--file", list);

        Assert.Matches(@"MinVisualTokens +integer +7 \(plugins\.json\) ", output);
    }

    [Theory]
    [InlineData("dyvte")]
    [InlineData("dense")]
    public async Task Training_options_are_listed_without_a_model(string method)
    {
        (int code, string output, string error) = await CommandInProcess.Run("train", method, "--options");

        Assert.Equal((0, ""), (code, error));
        Assert.Matches(@"Rate +number ", output);
    }

    [Fact]
    public async Task Training_without_a_model_names_what_is_missing()
    {
        (int code, string output, string error) = await CommandInProcess.Run("train", "dyvte");

        Assert.NotEqual(0, code);
        Assert.Contains("train needs a model and a data file and --output FOLDER", output + error, StringComparison.Ordinal);
        Assert.Contains("has nothing to train", (await CommandInProcess.Run("train", "random", "--options")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task At_the_prompt_a_method_is_shown_and_lists_are_whole_before_anything_is_loaded()
    {
        (int code, string output, string error) = await CommandInProcess.Run(
            "repl",
            "--eval",
            "Plugins.List.SelectMany(p => p.Methods).Count() - Methods.List.Count",
            "--eval",
            "#method random",
            "--eval",
            "string.Join(\" \", Methods[\"pooling\"].Options.Select(o => o.Name))",
            "--device",
            "cpu");

        Assert.Equal((0, ""), (code, error));
        Assert.Matches("^0\nmethod +random\n─+  ─+\ndoes +Keeps a random subset", output);
        Assert.Matches(@"Seed +integer +0 ", output);
        Assert.EndsWith("Reduction Keep Tokens\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cell_of_a_notebook_shows_a_method_too()
    {
        using PluginSandbox sandbox = new();
        string notebook = Path.Combine(sandbox.Folder, "show.ipynb"), folder = Environment.CurrentDirectory;
        File.WriteAllText(
            notebook,
            """
            { "cells": [{ "cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["#method random"] }],
              "metadata": {}, "nbformat": 4, "nbformat_minor": 5 }
            """);
        try
        {
            Assert.Equal("", (await CommandInProcess.Run("notebook", "run", notebook, "--device", "cpu")).Error);
        }
        finally
        {
            Environment.CurrentDirectory = folder;
        }

        Assert.Contains("<td>Seed</td><td>integer</td><td>0</td>", File.ReadAllText(notebook), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task A_broken_method_fails_its_test_and_a_sound_one_passes()
    {
        using PluginSandbox sandbox = new();
        string broken = WrittenPlugin.Write(sandbox.Folder, "leaky", "sites.BeforeDecoder((_, t) => { var forgotten = t.Rows.mean(); return t; });");
        string sound = WrittenPlugin.Write(sandbox.Folder, "even", "sites.BeforeDecoder((_, t) => t.Keep(new[] { 0, 2, 4 }));");

        (int code, string output, string error) = await CommandInProcess.Run("plugins", "test", broken, "--device", "cpu");
        Assert.Equal((1, "error: leaky: 3 questions left 2 tensors behind; dispose what its hooks make.\n", ""), (code, error, output));

        (code, output, error) = await CommandInProcess.Run("plugins", "test", sound, "--device", "cpu");
        Assert.Equal((0, "", "even: 3 questions on tiny-llava, asked twice; nothing is wrong.\n"), (code, error, output));
    }
}
