using System.Text.Json;

namespace Aperture.Models;

/// <summary>What the files of a checkpoint's folder say beside its sizes: each setting is acted on, refused, or told.</summary>
public static class FolderSettings
{
    /// <summary>Refuses a configuration that asks for what is not done, and tells what nothing here reads.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="list">What becomes of the settings in its <c>config.json</c>.</param>
    /// <param name="tell">Gets the lines.</param>
    /// <exception cref="ApertureException">A setting asks for what is not done.</exception>
    public static void Check(ModelFolder folder, SettingsList list, Action<string> tell)
    {
        string where = folder.At(ModelFolder.ConfigFile);
        JsonElement config = folder.Settings(ModelFolder.ConfigFile);
        list.Require(config, where, tell);
        foreach ((string key, SettingsList own) in ((string, SettingsList)[])[("text_config", KnownSettings.Text), ("vision_config", KnownSettings.Vision)])
        {
            if (config.TryGetProperty(key, out JsonElement part))
            {
                own.Require(part, $"{where}: {key}", tell);
            }
        }

        foreach ((string file, SettingsList own) in ((string, SettingsList)[])[
            ("processor_config.json", KnownSettings.Processor), ("tokenizer_config.json", KnownSettings.Tokenizer)])
        {
            if (folder.Has(file))
            {
                own.Tell(folder.Settings(file), folder.At(file), tell);
            }
        }
    }
}
