using System.Text;
using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

public sealed class PluginCatalogTests
{
    [Fact]
    public void Reads_entries_with_folders_beside_the_file()
    {
        PluginCatalog catalog = Parse("""
            {
              // a comment, and a trailing comma
              "plugins": [
                { "id": "one", "folder": "One" },
                { "id": "two", "folder": "../elsewhere/Two", "enabled": false, "options": { "rate": 0.5 } },
                { "id": "three", "folder": "/abs/Three/" },
              ]
            }
            """);

        Assert.Equal(["/home/app/plugins/One", "/home/elsewhere/Two", "/abs/Three"], catalog.Entries.Select(entry => entry.Folder));
        Assert.Equal([true, false, true], catalog.Entries.Select(entry => entry.Enabled));
        Assert.Equal(JsonValueKind.Undefined, catalog.Entries[0].Options.ValueKind);
        Assert.Equal(0.5, catalog.Find("TWO").Options.GetProperty("rate").GetDouble());
    }

    [Theory]
    [InlineData("{\n  \"plugins\": [\n    { \"id\": \"a\" \"folder\": \"A\" }\n", ":3:17: not valid JSON")]
    [InlineData("{ \"plugins\": [", ":1:15: not valid JSON")]
    [InlineData("", ":1:1: not valid JSON")]
    [InlineData("{ \"plugins\": [] } x", ":1:19: not valid JSON")]
    [InlineData("[]", ":1:1: expected an object with the property plugins")]
    [InlineData("{}", "the property plugins is missing")]
    [InlineData("{ \"plugin\": [] }", ":1:3: unknown property 'plugin'")]
    [InlineData("{ \"plugins\": [], \"plugins\": [] }", ":1:18: the property plugins stands twice")]
    [InlineData("{ \"plugins\": [\n{ \"id\": \"ä\", \"folder\": \"A\" }] }", ":2:9: id 'ä'")]
    [InlineData(
        "{ \"plugins\": [\n{ \"id\": \"a\", \"folder\": \"ä\", \"folders\": 1 }] }",
        ":2:29: unknown property 'folders'; a plugin has id, folder, enabled, options")]
    [InlineData("{ \"plugins\": [\n{ \"id\": \"../a\", \"folder\": \"A\" }] }", ":2:9: id '../a'")]
    [InlineData("{ \"plugins\": [{ \"id\": \"a\", \"folder\": \"A\" },\n{ \"id\": \"A\", \"folder\": \"A\" }] }", ":2:9: id 'A' is given to two plugins")]
    [InlineData("{ \"plugins\": [{ \"id\": \"a\", \"id\": \"b\" }] }", ":1:28: the property id stands twice")]
    [InlineData("{ \"plugins\": [\n  { \"folder\": \"A\" }] }", ":2:3: a plugin needs an id")]
    [InlineData("{ \"plugins\": [\n  { \"id\": \"a\" }] }", ":2:3: a plugin needs a folder")]
    [InlineData("{ \"plugins\": [{ \"id\": 1 }] }", ":1:23: id must be text")]
    [InlineData("{ \"plugins\": [{ \"enabled\": \"yes\" }] }", ":1:28: enabled must be true or false")]
    [InlineData("{ \"plugins\": [{ \"options\": [] }] }", ":1:28: expected an object of options")]
    [InlineData("{ \"plugins\": [{ \"id\": \"a\", \"folder\": \"A\\u0000B\" }] }", ":1:38: folder must be a path without control characters")]
    [InlineData("{ \"plugins\": [{ \"id\": \"a\", \"folder\": \"\\ud800\" }] }", ":1:39: not valid JSON: it has an escape that is half of a surrogate")]
    [InlineData("{ \"plug\\nins\": [] }", ":1:3: unknown property 'plug\uFFFDins'")]
    [InlineData("{ \"plugins\": [{ \"id\": \"a\", \"options\": { \"Rate\": 1, \"rate\": 2 } }] }", "the option Rate of a stands twice")]
    public void Broken_text_gives_one_line_with_line_and_column(string json, string expected)
    {
        string message = Assert.Throws<ApertureException>(() => Parse(json)).Message;

        Assert.StartsWith("/home/app/plugins.json:", message);
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Missing_file_and_unknown_id_say_what_to_do()
    {
        Assert.Contains("give the path of a plugins.json", Assert.Throws<ApertureException>(() => PluginCatalog.Read("/nowhere/plugins.json")).Message);
        string message = Assert.Throws<ApertureException>(() => Parse("""{ "plugins": [{ "id": "one", "folder": "One" }] }""").Find("two")).Message;
        Assert.Equal("There is no plugin 'two' in /home/app/plugins.json; it has one.", message);
    }

    [Fact]
    public void The_file_beside_the_executable_names_folders_that_exist()
    {
        PluginCatalog catalog = PluginCatalog.Read();

        Assert.NotEmpty(catalog.Entries);
        Assert.All(catalog.Entries, entry => Assert.True(Directory.Exists(entry.Folder), entry.Folder));
    }

    [Fact]
    public void Defaults_lie_under_the_users_options_by_method_then_by_plugin()
    {
        using JsonDocument defaults = JsonDocument.Parse(
            """{ "seed": 1, "rate": 0.5, "other": { "seed": 9 }, "mine": { "rate": 0.25, "Depth": 2 }, "map": { "a": 1 } }""");
        using JsonDocument user = JsonDocument.Parse("""{ "SEED": 7 }""");
        string[] methods = ["mine", "other"];

        Assert.Equal(
            """{"SEED":7,"rate":0.25,"Depth":2,"map":{"a":1}}""",
            Compact(PluginDefaults.Apply("mine", methods, defaults.RootElement, user.RootElement)));
        Assert.Equal("""{"seed":9,"rate":0.5,"map":{"a":1}}""", Compact(PluginDefaults.Apply("other", methods, defaults.RootElement, default)));
        Assert.Equal("""{"SEED":7}""", Compact(PluginDefaults.Apply("mine", methods, default, user.RootElement)));
        Assert.Equal(JsonValueKind.Undefined, PluginDefaults.Apply("mine", methods, default, default).ValueKind);
    }

    private static string Compact(JsonElement element) => element.GetRawText().Replace(" ", "", StringComparison.Ordinal);

    private static PluginCatalog Parse(string json) => PluginCatalog.Parse(Encoding.UTF8.GetBytes(json), "/home/app/plugins.json");
}
